import { readdirSync } from "node:fs";
import js from "@eslint/js";
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import globals from "globals";
import ts from "typescript-eslint";

/** Imports run components → matrix → features → app; a folder may not import what stands to its right. */
const layer = (files, pattern, message) => ({
  files,
  rules: {
    "no-restricted-imports": [
      "error",
      { patterns: [{ regex: "^\\.\\./\\.\\./", message: "Use the @/ alias to leave a folder." }, { regex: pattern, message }] },
    ],
  },
});
const features = readdirSync(new URL("./src/features", import.meta.url));

export default ts.config(
  { ignores: ["dist", "node_modules", "test-results"] },
  js.configs.recommended,
  ...ts.configs.strict,
  hooks.configs.flat["recommended-latest"],
  a11y.flatConfigs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-console": ["error", { allow: ["warn", "error"] }],
      "no-restricted-properties": [
        "error",
        { property: "dangerouslySetInnerHTML", message: "Render sanitised nodes instead." },
      ],
      "max-lines": ["error", { max: 500, skipBlankLines: true }],
      eqeqeq: "error",
      // These speak to users of the React compiler, which this build does not run.
      "react-hooks/preserve-manual-memoization": "off",
      "react-hooks/incompatible-library": "off",
    },
  },
  layer(["src/components/**"], "^(@|\\.\\.)/(matrix|features|app)(/|$)", "components know nothing of matrix, features or app."),
  layer(["src/matrix/**"], "^(@|\\.\\.)/(features|app)(/|$)", "matrix knows nothing of features or app."),
  ...features.map((name) =>
    layer(
      [`src/features/${name}/**`],
      `^(@/app(/|$)|@/features/(?!${name}/)|\\.\\./(?!\\.\\.))`,
      "features do not import each other or app; share through components or matrix.",
    ),
  ),
);
