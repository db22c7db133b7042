import i18next from "i18next";
import { initReactI18next } from "react-i18next";

/**
 * Each feature owns `features/<name>/en.json`; its namespace is the folder's name.
 * `components/en.json` and `app/en.json` are the namespaces "components" and "app".
 */
const files = import.meta.glob<Record<string, unknown>>(
  ["../features/*/en.json", "../components/en.json", "../app/en.json", "../matrix/en.json"],
  { eager: true, import: "default" },
);

const en: Record<string, Record<string, unknown>> = {};
for (const [path, strings] of Object.entries(files)) {
  // Vite names this folder's own file "./en.json".
  const folder = path.split("/").at(-2);
  en[folder && folder !== "." ? folder : "app"] = strings;
}

void i18next.use(initReactI18next).init({
  lng: "en",
  fallbackLng: "en",
  defaultNS: "app",
  resources: { en } as never,
  interpolation: { escapeValue: false },
  initAsync: false,
});

export { i18next };
