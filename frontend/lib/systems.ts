/** Display names by slug; they are product names and the same in every language. */
const NAMES: Record<string, string> = {
  sap: "SAP",
  dynamics: "Microsoft Dynamics",
  netsuite: "Oracle NetSuite",
  jira: "Jira",
  slack: "Slack",
};

export function systemName(slug: string): string {
  return NAMES[slug] ?? slug;
}

/** Where there is little room. */
export function shortName(slug: string): string {
  return systemName(slug).split(" ").at(-1) ?? slug;
}

/** Whether the system brings costs; the others are told of them. */
export function bringsCosts(slug: string): boolean {
  return slug !== "slack";
}

export const SYSTEMS = Object.keys(NAMES);
