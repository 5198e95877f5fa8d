/** Values by what they have in common, in the order of their first. (`Map.groupBy` is too new for some browsers.) */
export function grouped<T>(values: T[], keyOf: (value: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = found.get(key);
    if (group) group.push(value);
    else found.set(key, [value]);
  }
  return found;
}
