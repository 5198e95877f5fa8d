"use client";
import { ErrorPanel } from "@/components/ui/error-panel";

export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  return (
    <main id="content" className="mx-auto max-w-3xl p-6">
      <ErrorPanel error={error} onRetry={reset} />
    </main>
  );
}
