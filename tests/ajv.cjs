// node ajv.cjs sarif FILE...    is each a SARIF 2.1.0 log, by the schema that @microsoft/jest-sarif carries?
// node ajv.cjs SCHEMA FILE...   is each valid by a JSON Schema 2020-12 of ours?
// NODE_PATH says where npm installed them. Exit 1 with what is wrong.
const fs = require('fs'), path = require('path');
const read = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const [which, ...files] = process.argv.slice(2);
let validate;

if (which === 'sarif') {
    // its schema is of draft-04, which the ajv it brings reads with that draft's meta-schema
    const home = path.dirname(require.resolve('@microsoft/jest-sarif/package.json'));
    const own = (name) => require(require.resolve(name, {paths: [home]}));
    const ajv = new (own('ajv'))({schemaId: 'auto', meta: false, allErrors: true});
    ajv.addMetaSchema(own('ajv/lib/refs/json-schema-draft-04.json'));
    validate = ajv.compile(require('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json'));
} else {
    const Ajv = require('ajv/dist/2020');
    const own = read(which), home = path.dirname(which);
    // the one for editors holds all it needs, for validators as they come; the others refer to each other
    const alone = path.basename(which) === 'editor.json';
    const ajv = new Ajv(alone ? {allErrors: true} : {allErrors: true, strict: false, validateFormats: false});
    for (const name of alone ? [] : fs.readdirSync(home))
        if (name.endsWith('.json') && name !== 'types.json' && name !== 'openapi.json') ajv.addSchema(read(path.join(home, name)));
    validate = alone ? ajv.compile(own) : ajv.getSchema(own.$id);
}
for (const file of files)
    if (!validate(read(file))) {
        console.log(file, JSON.stringify(validate.errors, null, 1));
        process.exitCode = 1;
    }
