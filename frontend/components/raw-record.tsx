import type { Json } from "@/lib/api-types";

type Fields = { [name: string]: Json };

/** A record as the source delivered it: its fields one below the other, parts indented under their name. */
export function RawRecord({ record }: { record: Json }) {
  const list = asFields(record);
  if (!list) return <span className="break-all font-mono text-xs">{plain(record)}</span>;
  return (
    <dl className="grid gap-0.5 font-mono text-xs">
      {Object.entries(list).map(([name, value]) => {
        const parts = asFields(value);
        return parts && Object.keys(parts).length > 0 ? (
          <div key={name}>
            <dt className="break-all text-muted">{name}</dt>
            <dd className="ms-1 border-s-2 ps-3">
              <RawRecord record={parts} />
            </dd>
          </div>
        ) : (
          <div key={name} className="flex flex-wrap gap-x-3">
            <dt className="break-all text-muted sm:w-64 sm:shrink-0">{name}</dt>
            <dd className="min-w-0 flex-1 basis-32 break-all">{plain(value)}</dd>
          </div>
        );
      })}
    </dl>
  );
}

/** The named parts of what is nested: an object's fields, a list's entries by number. */
function asFields(value: Json): Fields | null {
  if (value === null || typeof value !== "object") return null;
  if (Array.isArray(value)) return Object.fromEntries(value.map((one, index) => [String(index + 1), one]));
  return value;
}

/** As it came: an empty text is not the same as none. */
function plain(value: Json): string {
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}
