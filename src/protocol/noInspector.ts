/**
 * Imported before everything else by processes that hold rights or values. On SIGUSR1 Node opens its inspector, a port at
 * which every user of the machine may give orders, unless somebody listens for that signal (Node's documentation, "Signal
 * events").
 */
process.on("SIGUSR1", () => {});
