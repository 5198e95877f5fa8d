/** Whether every word that is looked for is in the text, in any order and in whatever case. */
export function hasWords(text: string, search: string): boolean {
  const within = text.toLocaleLowerCase();
  const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => within.includes(word));
}
