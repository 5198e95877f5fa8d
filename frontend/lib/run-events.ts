import type { RunEvent } from "./api-types";

/**
 * The one event stream of a page: progress and ends of the organisation's runs. Browsers allow six connections to a
 * host, so that there is one for everything that moves on the page.
 */

type Handlers = { onOpen: () => void; onBroken: () => void; onProgress: (event: RunEvent) => void; onEnd: Ended };
type Ended = (event: RunEvent) => void;

/** How often to ask again while the stream is broken. */
export const POLL_MS = 5000;

/** Opens the stream and keeps it open; the answer closes it. */
export function listen({ onOpen, onBroken, onProgress, onEnd }: Handlers): () => void {
  let source = open();
  const poll = window.setInterval(() => {
    if (source.readyState === EventSource.OPEN) return;
    onBroken();
    // The browser reconnects by itself after a lost connection, but not after a refusal.
    if (source.readyState === EventSource.CLOSED) source = open();
  }, POLL_MS);

  function open(): EventSource {
    const stream = new EventSource("/api/integrations/events");
    stream.addEventListener("open", onOpen);
    stream.addEventListener("error", onBroken);
    stream.addEventListener("progress", (event) => onProgress(JSON.parse(event.data) as RunEvent));
    stream.addEventListener("end", (event) => onEnd(JSON.parse(event.data) as RunEvent));
    return stream;
  }

  return () => {
    window.clearInterval(poll);
    source.close();
  };
}
