// Bundles the pages' scripts and styles: `node build.mjs OUT`.  Run by hatch_build.py, which owns when and where.
// Every name carries a hash of its content, so that browsers may keep a file for ever; manifest.json maps plain names to hashed ones.
import * as esbuild from "esbuild";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";
import { pickTabler } from "./tabler.mjs";

const out = process.argv[2];
if (!out) throw new Error("usage: node build.mjs OUT");
fs.mkdirSync(out, { recursive: true });

const tabler = {
  name: "tabler-subset",
  setup(build) {
    build.onLoad({ filter: /tabler\.min\.css$/ }, ({ path: file }) => ({
      contents: pickTabler(fs.readFileSync(file, "utf8")),
      loader: "css",
    }));
  },
};

const result = await esbuild.build({
  entryPoints: { app: "js/app.js", "app-style": "css/app.css", reference: "js/reference.js", "reference-style": "css/reference.css" },
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  outdir: out,
  entryNames: "[name]-[hash]",
  legalComments: "none", // licenses.txt carries every licence in full
  metafile: true,
  logLevel: "warning",
  plugins: [tabler],
});

const manifest = {};
for (const [file, info] of Object.entries(result.metafile.outputs)) {
  if (!info.entryPoint) continue;
  const name = path.basename(file);
  const stem = path.basename(info.entryPoint, path.extname(info.entryPoint));
  manifest[stem + path.extname(name)] = name;
}

for (const image of fs.readdirSync("img").sort()) {
  const bytes = fs.readFileSync(path.join("img", image));
  const hash = crypto.createHash("sha256").update(bytes).digest("hex").slice(0, 8).toUpperCase();
  const { name, ext } = path.parse(image);
  manifest[image] = `${name}-${hash}${ext}`;
  fs.writeFileSync(path.join(out, manifest[image]), bytes);
}

// The bundles contain other people's work; their licences ask to travel with it.
const shipped = Object.keys(JSON.parse(fs.readFileSync("package.json", "utf8")).dependencies).sort();
const notices = shipped.map((name) => {
  const folder = path.join("node_modules", name);
  const { version, license } = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const texts = fs.readdirSync(folder).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
  const body = texts.map((file) => fs.readFileSync(path.join(folder, file), "utf8").trim()).join("\n\n");
  return `${name} ${version} (${license})\n\n${body}`;
});
fs.writeFileSync(path.join(out, "licenses.txt"), notices.join("\n\n" + "-".repeat(80) + "\n\n") + "\n");

// Compressed once here instead of on every request; the server picks by Accept-Encoding.
for (const file of Object.values(manifest)) {
  const full = path.join(out, file);
  fs.writeFileSync(full + ".gz", zlib.gzipSync(fs.readFileSync(full), { level: 9 }));
}
fs.writeFileSync(path.join(out, "manifest.json"), JSON.stringify(manifest, Object.keys(manifest).sort(), 1) + "\n");
