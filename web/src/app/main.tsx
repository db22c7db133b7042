import "@fontsource-variable/inter";
import "@/styles/fonts.css";
import "@/styles/tokens.css";
import "@/styles/base.css";
import { applyTheme } from "@/components/theme";
import "./i18n";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";

applyTheme();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
