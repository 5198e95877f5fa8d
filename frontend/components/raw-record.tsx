import type { Json } from "@/lib/api-types";

/** A record as the source delivered it: its fields one below the other, what is nested as indented JSON. */
export function RawRecord({ record }: { record: Json }) {
  if (record === null || typeof record !== "object" || Array.isArray(record)) return <Nested value={record} />;
  return (
    <dl className="grid grid-cols-[minmax(6rem,max-content)_minmax(0,1fr)] gap-x-4 gap-y-0.5 font-mono text-xs">
      {Object.entries(record).map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="break-all text-muted">{name}</dt>
          <dd className="min-w-0 break-all">
            {value !== null && typeof value === "object" ? <Nested value={value} /> : plain(value)}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Nested({ value }: { value: Json }) {
  return <pre className="whitespace-pre-wrap break-all font-mono text-xs">{JSON.stringify(value, null, 2)}</pre>;
}

/** As it came: an empty text is not the same as none. */
function plain(value: string | number | boolean | null): string {
  return typeof value === "string" && value !== "" ? value : JSON.stringify(value);
}
