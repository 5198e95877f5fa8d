import { call, get } from "./api";
import type { ConnectorSettings, ProjectLink, Rejection } from "./api-types";

/** Mending the cause of a rejection: a source's project linked to one of the Costbook's, a cost centre to a project. */

function links(projectId: string): string {
  return `costbook/projects/${encodeURIComponent(projectId)}/links`;
}

/** Adds the source's project to those that the Costbook's project stands for. */
export async function linkProject(projectId: string, link: ProjectLink): Promise<void> {
  const before = await get<ProjectLink[]>(links(projectId));
  if (before.some((one) => isSame(one, link))) return;
  await call(links(projectId), { method: "PUT", body: [...before, link] });
}

function isSame(one: ProjectLink, other: ProjectLink): boolean {
  return one.system === other.system && one.company_code === other.company_code && one.project_nr === other.project_nr;
}

/** The number that the source knows the Costbook's project by, in the record's own company if it can be; else null. */
export function sourceNumber(found: ProjectLink[], item: Pick<Rejection, "system" | "company_code">): string | null {
  const own = found.filter(({ system }) => system === item.system);
  const near = own.find(({ company_code }) => company_code === item.company_code);
  return (near ?? own[0])?.project_nr ?? null;
}

/** The connector's settings with this cost centre mapped; everything else stays as it was read. */
export function withCostCenter(
  settings: ConnectorSettings["settings"],
  costCenter: string,
  projectNr: string,
): ConnectorSettings["settings"] {
  const before = settings.cost_centers;
  const known = typeof before === "object" && before !== null && !Array.isArray(before) ? before : {};
  return { ...settings, cost_centers: { ...known, [costCenter]: projectNr } };
}

/** Maps the cost centre; false when the project is none of that source. Raises 412 when the settings changed meanwhile. */
export async function mapCostCenter(projectId: string, item: Rejection, costCenter: string): Promise<boolean> {
  const projectNr = sourceNumber(await get<ProjectLink[]>(links(projectId)), item);
  if (projectNr === null) return false;
  const path = `integrations/${item.system}/config`;
  const { data, etag } = await call<ConnectorSettings>(path);
  // Secrets that are left out are kept.
  const body = { settings: withCostCenter(data.settings, costCenter, projectNr), schedule: data.schedule ?? null };
  await call(path, { method: "PUT", body, ifMatch: etag });
  return true;
}
