// Formulas change where sections stand: go to the section of the link once they are set.
addEventListener("load", () => {
  const go = () => location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  const set = () => window.MathJax?.startup?.promise?.then(go).then(() => setTimeout(go, 400));
  set();
  addEventListener("hashchange", () => setTimeout(go, 400));
});
