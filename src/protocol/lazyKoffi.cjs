/** koffi, loaded when it is called: an `import` would load native code at the start, one `await import` too late at the end. */
exports.koffi = () => require("koffi");
