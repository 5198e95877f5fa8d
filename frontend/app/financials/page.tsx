import { redirect } from "next/navigation";

/** `/financials?tab=costbook` was the Costbook's address before it had its own; old bookmarks still arrive. */
export default function Financials() {
  redirect("/costbook");
}
