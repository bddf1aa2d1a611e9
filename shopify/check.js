// Shopify's theme-check on the theme app extension: node check.js [FOLDER]. Prints what it finds, and ends with 1 then.

const path = require("node:path");
const { themeCheckRun } = require("@shopify/theme-check-node");

const folder = path.resolve(process.argv[2] ?? path.join(__dirname, "extensions", "fitting-room"));

// Its Liquid documentation is the one that came with it: what it tells of fetching a newer one is left out.
themeCheckRun(folder, path.join(folder, ".theme-check.yml"), () => {}).then(({ offenses, theme }) => {
  for (const { check, uri, message } of offenses) {
    console.log(`${path.basename(uri)}: ${check}: ${message}`);
  }
  console.log(`${theme.length} files, ${offenses.length || "no"} offences`);
  process.exitCode = offenses.length > 0 ? 1 : 0;
});
