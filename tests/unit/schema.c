/* JSON Schema: every keyword we know, with what passes and what does not. */
#include "model/schema.h"
#include "tap.h"
#include "text/buf.h"

/* The schemas `other.json` and `loop.json` of the references below. */
static json_t *read_schema(void *context, const char *uri, struct err *err)
{
    (void)context;
    if (str_same(uri, "other.json"))
        return json_loads("{\"$defs\":{\"short\":{\"type\":\"string\",\"maxLength\":3},"
                          "\"a/b~c\":{\"const\":1},\"local\":{\"$ref\":\"#/$defs/short\"},"
                          "\"narrow\":{\"$ref\":\"#/$defs/short\",\"minLength\":2}}}",
                          0, NULL);
    if (str_same(uri, "loop.json"))
        return json_loads("{\"$ref\":\"loop.json\"}", 0, NULL);
    err_set(err, CODE_NOINPUT, "no file %s", uri);
    return NULL;
}

/* Findings as "pointer rule", one after the other. */
static char *told(const struct findings *f)
{
    struct buf b = {0};
    buf_str(&b, "");
    for (size_t i = 0; i < f->n; i++)
        buf_print(&b, "%s%s %s", i ? ", " : "", f->list[i].pointer, f->list[i].rule);
    return buf_take(&b);
}

static const struct {
    const char *schema, *instance, *want; /* "": passes */
} cases[] = {
    {"true", "1", ""},
    {"false", "1", " bad-value"},
    {"{}", "null", ""},
    /* type */
    {"{\"type\":\"string\"}", "\"a\"", ""},
    {"{\"type\":\"string\"}", "1", " wrong-type"},
    {"{\"type\":\"number\"}", "1", ""},
    {"{\"type\":\"number\"}", "1.5", ""},
    {"{\"type\":\"number\"}", "\"1\"", " wrong-type"},
    {"{\"type\":\"integer\"}", "1.0", ""},
    {"{\"type\":\"integer\"}", "1e3", ""},
    {"{\"type\":\"integer\"}", "1.5", " wrong-type"},
    {"{\"type\":\"boolean\"}", "false", ""},
    {"{\"type\":\"boolean\"}", "\"false\"", " wrong-type"},
    {"{\"type\":\"null\"}", "null", ""},
    {"{\"type\":\"null\"}", "0", " wrong-type"},
    {"{\"type\":\"object\"}", "[]", " wrong-type"},
    {"{\"type\":\"array\"}", "{}", " wrong-type"},
    {"{\"type\":[\"string\",\"null\"]}", "null", ""},
    {"{\"type\":[\"string\",\"null\"]}", "1", " wrong-type"},
    /* enum, const */
    {"{\"enum\":[\"r\",\"rw\"]}", "\"rw\"", ""},
    {"{\"enum\":[\"r\",\"rw\"]}", "\"w\"", " bad-value"},
    {"{\"enum\":[]}", "1", " bad-value"},
    {"{\"enum\":[1]}", "1.0", ""},
    {"{\"const\":{\"a\":[1,2]}}", "{\"a\":[1,2]}", ""},
    {"{\"const\":{\"a\":[1,2]}}", "{\"a\":[1.0,2]}", ""},
    {"{\"const\":{\"a\":[1,2]}}", "{\"a\":[2,1]}", " bad-value"},
    {"{\"const\":0}", "false", " bad-value"},
    {"{\"const\":\"1\"}", "1", " bad-value"},
    /* required, properties, patterns, the rest */
    {"{\"required\":[\"a\",\"b\"]}", "{\"b\":null}", " missing-key"},
    {"{\"required\":[\"a\",\"b\"]}", "{}", " missing-key,  missing-key"},
    {"{\"required\":[\"a\"]}", "[]", ""},
    {"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":1,\"b\":2}", "/a wrong-type"},
    {"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":\"\"}", ""},
    {"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "\"a\"", ""},
    {"{\"properties\":{\"a/b\":{\"type\":\"string\"}}}", "{\"a/b\":1}", "/a~1b wrong-type"},
    {"{\"properties\":{\"a\":false}}", "{\"a\":1}", "/a bad-value"},
    {"{\"patternProperties\":{\"^x-\":true},\"additionalProperties\":false}", "{\"x-a\":1}", ""},
    {"{\"patternProperties\":{\"^x-\":true},\"additionalProperties\":false}", "{\"ax-\":1}",
     "/ax- unknown-key"},
    {"{\"patternProperties\":{\"^x-\":{\"type\":\"string\"}}}", "{\"x-a\":1,\"y\":2}",
     "/x-a wrong-type"},
    {"{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{\"a\":1,\"b\":2,\"c\":3}",
     "/b unknown-key, /c unknown-key"},
    {"{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":1,\"b\":\"\"}", "/a wrong-type"},
    {"{\"additionalProperties\":{\"type\":\"string\"}}", "[1]", ""},
    /* lists */
    {"{\"items\":{\"type\":\"number\"}}", "[1,\"a\",2,\"b\"]", "/1 wrong-type, /3 wrong-type"},
    {"{\"items\":{\"type\":\"number\"}}", "{\"0\":\"a\"}", ""},
    {"{\"minItems\":2}", "[1]", " out-of-range"},
    {"{\"minItems\":2}", "[1,2]", ""},
    {"{\"minItems\":2}", "\"a\"", ""},
    {"{\"maxItems\":1}", "[1,2]", " out-of-range"},
    {"{\"maxItems\":1}", "\"abc\"", ""},
    {"{\"uniqueItems\":true}", "[1,2,1]", " not-unique"},
    {"{\"uniqueItems\":true}", "[{\"a\":1},{\"a\":2}]", ""},
    {"{\"uniqueItems\":true}", "[1,1.0]", " not-unique"},
    {"{\"uniqueItems\":false}", "[1,1]", ""},
    /* strings: characters, not bytes */
    {"{\"minLength\":1}", "\"\"", " out-of-range"},
    {"{\"maxLength\":3}", "\"abcd\"", " out-of-range"},
    {"{\"maxLength\":3}", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\xad\"", ""},
    {"{\"minLength\":2}", "\"\xf0\x9f\x94\xad\"", " out-of-range"},
    {"{\"maxLength\":3}", "[1,2,3,4]", ""},
    {"{\"minLength\":3}", "[1]", ""},
    {"{\"pattern\":\"^[a-z]+$\"}", "\"abc\"", ""},
    {"{\"pattern\":\"^[a-z]+$\"}", "\"aBc\"", " bad-form"},
    {"{\"pattern\":\"^[a-z]+$\"}", "\"abc\\n\"", " bad-form"},
    {"{\"pattern\":\"b\"}", "\"abc\"", ""},
    {"{\"pattern\":\"^.$\"}", "\"\xe2\x82\xac\"", ""},
    {"{\"pattern\":\"^a$\"}", "12", ""},
    /* numbers */
    {"{\"minimum\":2}", "2", ""},
    {"{\"minimum\":2}", "1.999", " out-of-range"},
    {"{\"maximum\":2}", "2", ""},
    {"{\"maximum\":2}", "3", " out-of-range"},
    {"{\"exclusiveMinimum\":0}", "0", " out-of-range"},
    {"{\"exclusiveMinimum\":0}", "0.001", ""},
    {"{\"exclusiveMaximum\":1}", "1", " out-of-range"},
    {"{\"exclusiveMaximum\":1}", "0.5", ""},
    {"{\"minimum\":1,\"maximum\":2}", "3", " out-of-range"},
    {"{\"minimum\":2}", "\"1\"", ""},
    /* formats */
    {"{\"format\":\"date-time\"}", "\"2023-08-14T11:30:00Z\"", ""},
    {"{\"format\":\"date-time\"}", "\"yesterday\"", " bad-form"},
    {"{\"format\":\"date-time\"}", "5", ""},
    {"{\"format\":\"duration\"}", "\"PT1H\"", ""},
    {"{\"format\":\"duration\"}", "\"1 hour\"", " bad-form"},
    {"{\"format\":\"start-window\"}", "\"2023-08-14T11:30:00Z/PT1H\"", ""},
    {"{\"format\":\"start-window\"}", "\"PT1H\"", " bad-form"},
    {"{\"format\":\"size\"}", "\"16 GB\"", ""},
    {"{\"format\":\"size\"}", "\"16 gigs\"", " bad-form"},
    {"{\"format\":\"size\"}", "-1", " bad-form"},
    {"{\"format\":\"uri\"}", "\"s3://b/o\"", ""},
    {"{\"format\":\"uri\"}", "\"b/o\"", " bad-form"},
    {"{\"format\":\"location\"}", "\"\"", " bad-form"},
    {"{\"format\":\"image\"}", "\"x\"", ""},
    {"{\"format\":\"uuid\"}", "\"018f3b2c-0000-7000-8000-000000000000\"", ""},
    {"{\"format\":\"uuid\"}", "\"018f3b2c\"", " bad-form"},
    {"{\"format\":\"iri\"}", "\"a:b\"", ""},
    {"{\"format\":\"iri\"}", "\"a://[::1]/b\"", ""},
    {"{\"format\":\"iri\"}", "\"a://[x]/b\"", " bad-form"},
    {"{\"format\":\"mount-path\"}", "\"/a/b\"", ""},
    {"{\"format\":\"mount-path\"}", "\"/a/.b/..c\"", ""},
    {"{\"format\":\"mount-path\"}", "\"a\"", " bad-form"},
    {"{\"format\":\"mount-path\"}", "\"/\"", " bad-form"},
    {"{\"format\":\"mount-path\"}", "\"/a/../b\"", " bad-form"},
    {"{\"format\":\"mount-path\"}", "\"/a/.\"", " bad-form"},
    {"{\"format\":\"mount-path\"}", "\"/a//b\"", " bad-form"},
    /* combinations */
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\"}]}", "[]", ""},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\"}]}", "1", " bad-value"},
    {"{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3", " out-of-range"},
    {"{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "2", ""},
    {"{\"not\":{\"type\":\"string\"}}", "\"a\"", " bad-value"},
    {"{\"not\":{\"type\":\"string\"}}", "1", ""},
    {"{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]},\"else\":{\"required\":[\"c\"]"
     "}}",
     "{\"a\":1,\"c\":1}", " missing-key"},
    {"{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]},\"else\":{\"required\":[\"c\"]"
     "}}",
     "{\"b\":1}", " missing-key"},
    {"{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]}}", "{}", ""},
    /* references */
    {"{\"$ref\":\"other.json#/$defs/short\"}", "\"abcd\"", " out-of-range"},
    {"{\"$ref\":\"other.json#/$defs/local\"}", "\"abcd\"", " out-of-range"},
    {"{\"$ref\":\"other.json#/$defs/a~1b~0c\"}", "2", " bad-value"},
    {"{\"$ref\":\"other.json#/$defs/short\",\"minLength\":2}", "\"a\"", " out-of-range"},
    {"{\"$ref\":\"other.json#/$defs/narrow\"}", "\"a\"", " out-of-range"},
    {"{\"$ref\":\"other.json#/$defs/narrow\"}", "\"abcd\"", " out-of-range"},
    {"{\"$defs\":{\"n\":{\"properties\":{\"next\":{\"$ref\":\"#/$defs/n\"},\"v\":{\"type\":"
     "\"number\"}}}},\"$ref\":\"#/$defs/n\"}",
     "{\"next\":{\"next\":{\"v\":\"x\"}}}", "/next/next/v wrong-type"},
    /* only told to people */
    {"{\"$id\":\"i\",\"$comment\":\"c\",\"title\":\"t\",\"description\":\"d\","
     "\"default\":1,\"examples\":[1],\"then\":false,\"else\":false}",
     "1", ""},
};

static const struct {
    const char *schema, *instance, *want;
} wrong[] = {
    {"{\"minimun\":1}", "1", "unknown keyword \"minimun\", did you mean \"minimum\"?"},
    {"{\"format\":\"mountpath\"}", "\"a\"", "nobody here knows the format \"mountpath\""},
    {"{\"$defs\":{\"a\":{\"format\":\"mountpath\"}}}", "1", "nobody here knows the format"},

    {"{\"pattern\":\"(\"}", "\"a\"", "("},
    {"{\"pattern\":\"(a+)+$\"}", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"",
     "takes too long"},
    {"{\"patternProperties\":{\"[\":true}}", "{\"a\":1}", "["},
    {"{\"$ref\":\"nowhere.json\"}", "1", "nowhere.json"},
    {"{\"$ref\":\"#/$defs/none\"}", "1", "#/$defs/none"},
    {"{\"$ref\":\"#none\"}", "1", "there is no anchor \"none\""},
    {"{\"$ref\":\"loop.json\"}", "1", "circle"},
    {"{\"$ref\":\"#\"}", "1", "circle"},
    {"{\"$id\":\"a#b\"}", "1", "fragment"},
    {"{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "1", "not understood"},
    {"{\"properties\":{\"a\":1}}", "{\"a\":1}", "expected a schema"},
    {"{\"anyOf\":[{\"minimun\":1}]}", "1", "unknown keyword"},
    {"{\"anyOf\":[]}", "1", "expected a list of schemas"},
    {"{\"type\":\"strnig\"}", "1", "#/type: expected null, boolean"},
    {"{\"required\":\"a\"}", "1", "#/required: expected a list of strings"},
    {"{\"minimum\":\"5\"}", "1", "#/minimum: expected a number"},
    {"{\"multipleOf\":0}", "1", "above 0"},
};

/* 1, 0 or -1 as schema_check. */
static int check_one(bool own_schema, const char *schema, const char *instance,
                     struct findings *findings, struct err *err)
{
    const struct schema_reading reading = {.read = read_schema, .own = own_schema};
    own(schema_set_fini) struct schema_set *set = schema_set_new(&reading);
    struct pointer at = {0};
    own(json_fini) json_t *s = json_loads(schema, JSON_DECODE_ANY, NULL);
    own(json_fini) json_t *v = json_loads(instance, JSON_DECODE_ANY, NULL);
    if (!s || !v) {
        printf("# the case itself is no JSON: %s %s\n", schema, instance);
        return 2;
    }
    const struct schema *compiled = schema_add(set, "", s, err);
    return compiled ? schema_check(compiled, v, &at, findings, NULL, err) : -1;
}

/* What is said: the sentence of the first finding, and where the schema says so. */
static const struct {
    const char *schema, *instance, *text, *where;
} sentences[] = {
    {"{\"properties\":{\"mincores\":{\"type\":\"number\"}}}", "{\"mincores\":\"eight\"}",
     "mincores: expected a number, got the string \"eight\"", "#/properties/mincores/type"},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}}]}",
     "{}", "document: expected a string or a list, got a mapping", "#/anyOf"},
    {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}}]}",
     "[\"a\",1]", "1: expected a string, got the number 1", "#/anyOf/1/items/type"},
    {"{\"oneOf\":[{\"properties\":{\"kind\":{\"const\":\"galaxy\"},\"classification\":{\"type\":"
     "\"string\"}}},{\"properties\":{\"kind\":{\"const\":\"star\"},\"m\":{\"type\":\"number\"}}}]}",
     "{\"kind\":\"star\",\"m\":\"bright\",\"classification\":5}",
     "m: expected a number, got the string \"bright\"", "#/oneOf/1/properties/m/type"},
    {"{\"anyOf\":[{\"title\":\"a list\",\"maxItems\":0},{\"title\":\"a list of strings\",\"type\":"
     "\"string\"}]}",
     "[1]", "document: expected at most 0 items, got 1", "#/anyOf/0/maxItems"},
    {"{\"anyOf\":[{\"title\":\"a list\",\"type\":\"array\"},{\"title\":\"a list of strings\","
     "\"const\":[\"a\"]}]}",
     "1", "document: expected a list or a list of strings, got the number 1", "#/anyOf"},
    {"{\"oneOf\":[{\"properties\":{\"a\":{\"const\":1}},\"required\":[\"a\"]},"
     "{\"properties\":{\"b\":{\"const\":1}},\"required\":[\"b\"]}]}",
     "{\"b\":2}", "b: expected 1, got the number 2", "#/oneOf/1/properties/b/const"},
    {"{\"oneOf\":[{\"type\":\"number\"},{\"title\":\"small\",\"maximum\":3}]}", "2",
     "document: fits forms 1 and 2, expected one alone: a number, small", "#/oneOf"},
    {"{\"not\":{\"type\":\"string\"}}", "\"a\"", "document: a string is not allowed here", "#/not"},
    {"{\"enum\":[\"managed\",\"unmanaged\"]}", "\"manged\"",
     "document: expected one of \"managed\", \"unmanaged\", got the string \"manged\"", "#/enum"},
    {"{\"pattern\":\"^a\",\"description\":\"a word with a\"}", "\"b\"",
     "document: expected a word with a, got the string \"b\"", "#/pattern"},
    {"{\"pattern\":\"^a\"}", "\"b\"", "document: expected what matches ^a, got the string \"b\"",
     "#/pattern"},
    {"{\"maxItems\":1}", "[1,2]", "document: expected at most 1 item, got 2", "#/maxItems"},
    {"{\"multipleOf\":0.01}", "0.015", "document: expected a multiple of 0.01, got 0.015",
     "#/multipleOf"},
    {"{\"contains\":{\"title\":\"a star\",\"const\":1}}", "[2]",
     "document: expected at least 1 item of the form a star, got 0", "#/contains"},
    {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}",
     "document: the key \"b\" is missing, \"a\" needs it", "#/dependentRequired"},
    {"{\"$ref\":\"other.json#/$defs/short\"}", "\"abcd\"",
     "document: expected at most 3 characters, got 4", "other.json#/$defs/short/maxLength"},
    {"{\"propertyNames\":{\"pattern\":\"^[a-z]+$\"}}", "{\"A\":1}",
     "A: expected what matches ^[a-z]+$, got the string \"A\"", "#/propertyNames/pattern"},
    {"{\"properties\":{\"abc\":true},\"unevaluatedProperties\":false}", "{\"abd\":1}",
     "unknown key \"abd\"", "#/unevaluatedProperties"},
};

/* Alternatives that multiply, 40 deep: 2^40 applications if nobody counted. */
static void test_effort(void)
{
    own(buf_fini) struct buf b = {0};
    struct err err = {0};
    buf_str(&b, "{\"$ref\":\"#/$defs/x0\",\"$defs\":{");
    for (int i = 0; i < 40; i++)
        buf_print(&b,
                  "\"x%d\":{\"allOf\":[{\"$ref\":\"#/$defs/x%d\"},{\"$ref\":\"#/$defs/x%d\"}]},", i,
                  i + 1, i + 1);
    buf_str(&b, "\"x40\":{}}}");
    is_int(check_one(false, b.bytes, "1", NULL, &err), -1, "a bomb");
    has_str(err.text, "takes too long", "is found out");
    /* A document as deep as documents may be, with references on each level, is no circle. */
    own(buf_fini) struct buf deep = {0};
    err = (struct err){0};
    for (int i = 0; i < 60; i++)
        buf_char(&deep, '[');
    for (int i = 0; i < 60; i++)
        buf_char(&deep, ']');
    is_int(check_one(false,
                     "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":"
                     "{\"$ref\":\"#/$defs/c\"},\"c\":{\"items\":{\"$ref\":\"#/$defs/a\"}}}}",
                     deep.bytes, NULL, &err),
           1, err.text);
}

/* What is compiled when a load fails may refer to nothing, and is not handed out later. */
static void test_failed_set(void)
{
    const struct schema_reading reading = {.read = read_schema};
    own(schema_set_fini) struct schema_set *set = schema_set_new(&reading);
    own(json_fini) json_t *s = json_loads("{\"$ref\":\"nowhere.json\"}", 0, NULL);
    struct err err = {0};
    ok(!schema_add(set, "first.json", s, &err), "it refers to nothing");
    ok(!schema_load(set, "first.json", &err), "and is not there later");
    is_int((int)err.code, CODE_CONFIG, "which is told");
}

static void upper(void *context, const char *format, json_t *string, struct pointer *at)
{
    (void)context;
    (void)at;
    if (str_same(format, "uri"))
        json_string_set(string, "SEEN");
}

/* The hook is told of the form that fits, and of nothing that was only tried. */
static void test_hook(void)
{
    const struct schema_reading reading = {.read = read_schema, .own = true};
    const struct schema_hook hook = {upper, NULL};
    own(schema_set_fini) struct schema_set *set = schema_set_new(&reading);
    own(json_fini) json_t *s = json_loads(
        "{\"items\":{\"oneOf\":[{\"type\":\"number\"},{\"format\":\"uri\",\"type\":\"string\"}]},"
        "\"not\":{\"items\":{\"format\":\"uri\"},\"minItems\":9}}",
        0, NULL);
    own(json_fini) json_t *v = json_loads("[1,\"a:b\"]", 0, NULL);
    struct err err = {0};
    struct pointer at = {0};
    const struct schema *compiled = schema_add(set, "", s, &err);
    own(findings_fini) struct findings findings = {0};
    is_int(schema_check(compiled, v, &at, &findings, &hook, &err), 1, "it passes");
    is_str(json_string_value(json_array_get(v, 1)), "SEEN", "the string was told");
}

int main(void)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        own(findings_fini) struct findings findings = {0};
        struct err err = {0};
        own(str_fini) char *name = str_print("%s of %s", cases[i].schema, cases[i].instance);
        is_int(check_one(true, cases[i].schema, cases[i].instance, &findings, &err),
               *cases[i].want == '\0', name);
        own(str_fini) char *got = told(&findings);
        is_str(got, cases[i].want, name);
    }
    for (size_t i = 0; i < COUNT(wrong); i++) {
        own(findings_fini) struct findings findings = {0};
        struct err err = {0};
        is_int(check_one(true, wrong[i].schema, wrong[i].instance, &findings, &err), -1,
               wrong[i].schema);
        is_int((int)err.code, CODE_CONFIG, wrong[i].schema);
        has_str(err.text, wrong[i].want, wrong[i].schema);
    }
    for (size_t i = 0; i < COUNT(sentences); i++) {
        own(findings_fini) struct findings findings = {0};
        struct err err = {0};
        is_int(check_one(false, sentences[i].schema, sentences[i].instance, &findings, &err), 0,
               sentences[i].schema);
        is_int((int)findings.n, 1, "one finding");
        if (findings.n == 1) {
            is_str(findings.list[0].text, sentences[i].text, sentences[i].schema);
            is_str(findings.list[0].schema, sentences[i].where, sentences[i].schema);
        }
    }
    test_effort();
    test_failed_set();
    test_hook();
    /* In schemas of others what nobody knows is an annotation, and so is a format. */
    struct err err = {0};
    is_int(check_one(false, "{\"minimun\":1}", "0", NULL, &err), 1, "an unknown keyword");
    is_int(check_one(false, "{\"format\":\"uuid\"}", "\"x\"", NULL, &err), 1, "a format");
    return tap_end();
}
