// Sends a file with tus-js-client as it is, and says in JSON how that ended.
// Arguments: the folder of its package, the file; its options come as JSON on stdin.

const { createReadStream, readFileSync } = require("node:fs");
const { createRequire } = require("node:module");

const [modules, file] = process.argv.slice(2);
const { Upload } = createRequire(`${modules}/`)("tus-js-client");

const say = (status) => console.log(JSON.stringify({ status, url: upload.url }));
const upload = new Upload(createReadStream(file), {
  ...JSON.parse(readFileSync(0)),
  onSuccess: () => say(200),
  onError: (error) => say(error.originalResponse?.getStatus() ?? 0),
});
upload.start();
