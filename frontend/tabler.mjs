// Cuts Tabler's style sheet down to the families that our pages use, by family and not by page: a template may take any class of
// a kept family without a new build, and what a page needs never depends on which pages existed when the bundle was made.
import postcss from "postcss";

// The first word of a class: `btn` keeps .btn, .btn-primary, .btn-sm …
const FAMILIES = new Set(
  (
    "active alert align avatar badge bg block border bottom breadcrumb btn card col collapse container content cursor d datagrid " +
    "disabled divider display empty end fade fixed flex float focus font form fs fw g gap grid gx gy h hr h1 h2 h3 h4 h5 h6 icon img " +
    "input invalid is justify kbd lead lh link list m mb me ms mt mx my nav no object offset opacity order overflow p page pagination pb pe placeholder " +
    "position progress progressbar ps pt px py ratio required rounded row shadow show small spinner start status step steps sticky " +
    "strong subheader table tag text timeline top tracking underline user valid vertical visible visually vr w wrap"
  ).split(" "),
);

// One accent and five meanings; the rest of the palette would let pages drift apart.
const COLOURS = /-(azure|blue|indigo|purple|pink|red|orange|yellow|lime|green|teal|cyan|facebook|twitter|linkedin|google|youtube|vimeo|dribbble|github|instagram|pinterest|vk|rss|flickr|bitbucket|tabler|x|behance|kickstarter|whatsapp|telegram|gitlab|dark|light|muted|black|white|gray-\d+)(-|$)/;
// Parts of a kept family that need a script of Bootstrap's, or that no page of ours wants.
const UNWANTED = /^(form-(colorinput|imagecheck|selectgroup|fieldset)|btn-(group-vertical|floating)|placeholder-(wave|glow)|card-(rotate|stamp|tabs|cover|sponsor)|nav-segmented|status-(indicator.*)|avatar-(cover|list-stacked))|-xxl(-|$)/;
const KEPT_COLOURS = /^(text|bg)-(white|transparent)$|^table-(dark|light)$/;

const THEME = '[data-bs-theme=dark]';

function keepsClass(name) {
  if (UNWANTED.test(name)) return false;
  if (COLOURS.test(name) && !KEPT_COLOURS.test(name)) return false;
  return FAMILIES.has(name.split("-")[0]);
}

/** Which of a rule's selectors stay: those made only of kept classes, without Tabler's own theme switches. */
function keepsSelector(selector) {
  if (/data-theme|data-bs-navbar-theme|theme-dark|data-bs-theme=light\] |body\[data-bs|:not\([^)]*data-bs-theme|print/.test(selector)) return false;
  // What a selector excludes (`:not(.dropdown-menu)`) it does not need.
  const classes = selector.replace(/:not\((?:[^()]|\([^()]*\))*\)/g, "").match(/\.-?[_a-zA-Z](?:[\w-]|\\.)*/g) ?? [];
  return classes.every((found) => keepsClass(found.slice(1).replaceAll("\\", "")));
}

/** The dark rules follow the reader's system: there is no switch, hence no script before the first paint. */
function follow(rule) {
  const dark = rule.selectors.filter((selector) => selector.includes(THEME));
  if (!dark.length) return;
  const selectors = dark.map((selector) => {
    const rest = selector.replace(THEME, "").trim();
    if (!rest) return ":root";
    return selector.startsWith(THEME) ? `:root ${rest}` : rest;
  });
  const media = postcss.atRule({ name: "media", params: "(prefers-color-scheme:dark)" });
  media.append(rule.clone({ selectors }));
  rule.after(media);
  rule.selectors = rule.selectors.filter((selector) => !selector.includes(THEME));
}

export function pickTabler(css) {
  const root = postcss.parse(css);
  const rules = [];
  root.walkRules((rule) => void (rule.parent.name?.endsWith("keyframes") || rules.push(rule)));
  for (const rule of rules) {
    // `:root,[data-bs-theme=dark]` holds what both themes share: not a dark rule.
    if (rule.selectors.includes(":root") && rule.selectors.includes(THEME)) rule.selectors = [":root"];
    const kept = rule.selectors.filter(keepsSelector);
    if (!kept.length) {
      rule.remove();
      continue;
    }
    rule.selectors = kept;
    follow(rule);
    if (!rule.selectors.filter(Boolean).length) rule.remove();
  }
  root.walkAtRules("media", (media) => {
    if (media.params === "print" || !media.nodes?.length) media.remove();
  });
  const names = new Set();
  root.walkDecls(/^animation/, (decl) => void decl.value.split(/[\s,]+/).forEach((word) => names.add(word)));
  root.walkAtRules("keyframes", (frames) => void (names.has(frames.params) || frames.remove()));
  return root.toString();
}
