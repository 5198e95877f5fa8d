import de from "@/messages/de.json";
import en from "@/messages/en.json";
import type { Locale } from "./preferences";

export type Messages = typeof de;

/** Both languages in one place; a test keeps their keys equal. */
export const messages: Record<Locale, Messages> = { de, en };
