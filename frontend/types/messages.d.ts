import type { Messages } from "@/lib/messages";
import type { Locale, LocaleTag } from "@/lib/preferences";

declare module "use-intl" {
  interface AppConfig {
    Messages: Messages;
    Locale: Locale | LocaleTag;
  }
}
