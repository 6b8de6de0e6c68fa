// node prism.cjs proxy DOCUMENT URL ...   Prism, which compares what goes by with the document. NODE_PATH says where npm
// installed it. It would follow redirections itself, and compare what is there; and reads a document where HEAD has none:
// here it hands on what the service answered.
const path = require('path');
const home = path.dirname(require.resolve('@stoplight/prism-cli/package.json'));
const forwarder = path.dirname(require.resolve('@stoplight/prism-http/package.json', {paths: [home]}));
const fetch = require(require.resolve('node-fetch', {paths: [forwarder]}));
const send = fetch.default;
fetch.default = async (url, options) => {
    const answer = await send(url, {...options, redirect: 'manual'});
    if (options.method.toUpperCase() === 'HEAD' || answer.status === 304) answer.json = answer.text;
    return answer;
};
require(path.join(home, require(path.join(home, 'package.json')).bin.prism));
