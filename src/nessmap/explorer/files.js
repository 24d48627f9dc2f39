// What leaves the page: files, and the command by way of the clipboard.

function save(name, content, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
  link.download = name;
  link.click();
  say(`${name} saved`);
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// The main panel as a file of its own: colours written out, because a file has no page around it.
function standalone() {
  const style = getComputedStyle(document.documentElement);
  const plain = $("map").innerHTML.replace(/var\((--[a-z]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  const [, , width, height] = plain.match(/viewBox="([^"]+)"/)[1].split(" ").map(Number);
  const css = `text{font:13px sans-serif;fill:${style.getPropertyValue("--ink")}}.soft{fill:${style.getPropertyValue("--soft")}}.head{font-weight:bold}.level{fill:#fff;stroke:#000;stroke-width:2.5px;paint-order:stroke;font-size:11px}`;
  return { width, height, svg: plain.replace(/<svg ([^>]*)>/, `<svg $1 width="${width}" height="${height}"><style>${css}</style><rect width="100%" height="100%" fill="${style.getPropertyValue("--paper")}"/>`) };
}

function savePng(name) {
  const { width, height, svg } = standalone();
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [3 * width, 3 * height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(name, blob, "image/png"));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
}

// Whether the words of an element are in the clipboard now; they are selected where they are not, for the reader to copy.
async function copied(element) {
  try {
    // where the page may not use it, as inside a report, this is refused or not there
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}

async function copy() {
  const done = await copied($("command"));
  say(done ? "command copied" : "the command could not be copied; it is selected: press Ctrl+C");
  $("copy").textContent = done ? "Copied" : "Press Ctrl+C";
  setTimeout(() => ($("copy").textContent = "Copy"), done ? 1500 : 6000);
}
