/* The canonical form: the sloppy forms of the draft, written one way, and pointers into the
 * document as it was. */
#include "model/check.h"
#include <dirent.h>
#include "tap.h"
#include "text/buf.h"
#include "text/doc.h"
#include "text/write.h"

#define GENERIC "https://www.purl.org/ivoa.net/resource-types/generic-compute"
#define UPDATE "https://www.purl.org/ivoa.net/webservice-types/value-update"
#define MAIL "https://www.purl.org/ivoa.net/webservice-types/email"
#define BARE "\"name\":\"compute-001\",\"type\":\"" GENERIC "\""

static struct model model;

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
    const char *yaml, *json, *told; /* json NULL: invalid */
} cases[] = {
    {"{}", "{}", ""},
    {"{name: a, description: null}", "{\"name\":\"a\"}", "/description sloppy-form"},
    {"{executable: null, resources: {compute: null}}", "{\"resources\":{}}",
     "/executable sloppy-form, /resources/compute sloppy-form"},
    /* compute: a mapping, a bare spec (EP-6B) */
    {"{resources: {compute: {mincores: 2, spec: {minmemory: 1}}}}",
     "{\"resources\":{\"compute\":[{\"spec\":{\"minmemory\":1,\"mincores\":2},\"type\":\"" GENERIC
     "\",\"name\":\"compute-001\"}]}}",
     "/resources/compute sloppy-form, /resources/compute/mincores sloppy-form"},
    {"{resources: {compute: {mincores: 2, maxcores: 4}}}",
     "{\"resources\":{\"compute\":[{\"spec\":{\"mincores\":2,\"maxcores\":4},\"type\":\"" GENERIC
     "\",\"name\":\"compute-001\"}]}}",
     "/resources/compute sloppy-form, /resources/compute/mincores sloppy-form, "
     "/resources/compute/maxcores sloppy-form"},
    {"{resources: {compute: [{mincores: 2, spec: {mincores: 3}}]}}", NULL,
     "/resources/compute/0/mincores unknown-key"},
    {"{resources: {compute: {mincores: two}}}", NULL,
     "/resources/compute sloppy-form, /resources/compute/mincores sloppy-form, "
     "/resources/compute/mincores wrong-type"},
    {"{resources: {compute: [{}, {name: b}]}}",
     "{\"resources\":{\"compute\":[{\"type\":\"" GENERIC
     "\",\"name\":\"compute-001\"},{\"name\":\"b\",\"type\":\"" GENERIC "\"}]}}",
     ""},
    /* volumes inside spec (EP-44), without resource (EP-43), other modes (EP-42) */
    {"{resources: {compute: [{name: compute-001, type: " GENERIC
     ", spec: {volumes: [{name: s, path: /a, mode: READWRITE}]}}], storage: [{name: s, type: t}]}}",
     "{\"resources\":{\"compute\":[{" BARE ",\"spec\":{},\"volumes\":[{\"name\":\"s\",\"path\":"
     "\"/a\",\"mode\":\"rw\",\"resource\":\"s\"}]}],\"storage\":[{\"name\":\"s\",\"type\":\"t\"}]}"
     "}",
     "/resources/compute/0/spec/volumes sloppy-form, /resources/compute/0/spec/volumes/0 "
     "sloppy-form, /resources/compute/0/spec/volumes/0/mode sloppy-form, "
     "/resources/storage/0 unknown-type"},
    {"{resources: {compute: [{spec: {volumes: [{path: a, resource: s}]}}]}}", NULL,
     "/resources/compute/0/spec/volumes sloppy-form, "
     "/resources/compute/0/spec/volumes/0/path bad-form"},
    {"{resources: {compute: [{spec: {volumes: []}, volumes: []}]}}", NULL,
     "/resources/compute/0/spec/volumes unknown-key"},
    /* triggers and callouts (EP-71, EP-80) */
    {"{callouts: [{type: " UPDATE ", spec: {triggers: [{status: 'RUNNING, FAILED'}]}}]}",
     "{\"callouts\":[{\"type\":\"" UPDATE "\",\"spec\":{\"triggers\":[{\"state\":"
     "\"RUNNING,FAILED\"}]}}]}",
     "/callouts/0/spec/triggers/0/status sloppy-form, "
     "/callouts/0/spec/triggers/0/status sloppy-form"},
    {"{callouts: [{type: " UPDATE ", spec: {triggers: [{status: RUNNING, state: FAILED}]}}]}", NULL,
     "/callouts/0/spec/triggers/0/status unknown-key"},
    {"{callouts: [{type: " UPDATE ", spec: {triggers: [{status: DONE}]}}]}", NULL,
     "/callouts/0/spec/triggers/0/status sloppy-form, "
     "/callouts/0/spec/triggers/0/status bad-form"},
    {"{triggers: [{type: " UPDATE ", spec: {conditions: [{name: a, value: 'X, Y', action: start}]}}"
     "]}",
     "{\"triggers\":[{\"type\":\"" UPDATE "\",\"spec\":{\"conditions\":[{\"name\":\"a\",\"value\":"
     "\"X,Y\",\"action\":\"start\"}]}}]}",
     "/triggers/0/spec/conditions/0/value sloppy-form"},
    /* blanks around the items of a list go, those within one stay */
    {"{triggers: [{type: " UPDATE ", spec: {conditions: [{name: a, value: ' ON HOLD ,\tNew York ', "
     "action: start}]}}]}",
     "{\"triggers\":[{\"type\":\"" UPDATE "\",\"spec\":{\"conditions\":[{\"name\":\"a\",\"value\":"
     "\"ON HOLD,New York\",\"action\":\"start\"}]}}]}",
     "/triggers/0/spec/conditions/0/value sloppy-form"},
    {"{triggers: [{type: " UPDATE ", spec: {conditions: [{name: a, value: 'ON HOLD,A', action: "
     "start}]}}]}",
     "{\"triggers\":[{\"type\":\"" UPDATE "\",\"spec\":{\"conditions\":[{\"name\":\"a\",\"value\":"
     "\"ON HOLD,A\",\"action\":\"start\"}]}}]}",
     ""},
    {"{callouts: [{type: " UPDATE ", spec: {triggers: [{state: 'RUN NING'}]}}]}", NULL,
     "/callouts/0/spec/triggers/0/state bad-form"},
    {"{callouts: [{type: " UPDATE ", spec: {triggers: [{state: ' '}]}}]}", NULL,
     "/callouts/0/spec/triggers/0/state sloppy-form, "
     "/callouts/0/spec/triggers/0/state bad-form"},
    {"{callouts: [{type: " MAIL ", spec: {triggers: [{status: ' FAILED'}]}}]}",
     "{\"callouts\":[{\"type\":\"" MAIL "\",\"spec\":{\"triggers\":[{\"state\":\"FAILED\"}]}}]}",
     "/callouts/0/spec/triggers/0/status sloppy-form, "
     "/callouts/0/spec/triggers/0/status sloppy-form"},
    /* times (EP-69) */
    {"{datetime: [{start: 2023-08-14/P1D, minduration: 1H}]}",
     "{\"datetime\":[{\"start\":\"2023-08-14T00:00:00Z/2023-08-15T00:00:00Z\",\"minduration\":"
     "\"PT1H\"}]}",
     "/datetime/0/start sloppy-form, /datetime/0/minduration sloppy-form"},
    {"{datetime: [{start: '2023-08-14T11:30:00Z/PT1H'}]}",
     "{\"datetime\":[{\"start\":\"2023-08-14T11:30:00Z/2023-08-14T12:30:00Z\"}]}", ""},
    {"{datetime: [{start: '2023-08-14T13:30:00+02:00'}]}",
     "{\"datetime\":[{\"start\":\"2023-08-14T11:30:00Z\"}]}", ""},
    /* a month is no minute: said, and kept */
    {"{datetime: [{minduration: P1M}]}", "{\"datetime\":[{\"minduration\":\"P1M\"}]}",
     "/datetime/0/minduration month-not-minute"},
    {"{datetime: [{minduration: 5M}]}", "{\"datetime\":[{\"minduration\":\"P5M\"}]}",
     "/datetime/0/minduration month-not-minute, /datetime/0/minduration sloppy-form"},
    {"{datetime: [{minduration: P1Y}]}", "{\"datetime\":[{\"minduration\":\"P1Y\"}]}", ""},
    /* aliases of types */
    {"{authentication: [{type: 'https://.../oidc'}]}",
     "{\"authentication\":[{\"type\":\"https://www.purl.org/ivoa.net/authentication-types/"
     "oidc-auth\"}]}",
     "/authentication/0/type sloppy-form"},
    /* what belongs to a type nobody here knows is carried untouched (EP-07) */
    {"{executable: {type: 'urn:x', spec: {a: null, location: b, list: [1, null], start: 1H}}}",
     "{\"executable\":{\"type\":\"urn:x\",\"spec\":{\"a\":null,\"location\":\"b\",\"list\":[1,null]"
     ",\"start\":\"1H\"}}}",
     "/executable unknown-type, /executable/type type-not-url"},
    {"{resources: {compute: [{name: c, type: 'urn:x', spec: {volumes: [{a: 1}], extras: "
     "[{type: 'https://tinyurl.com/nvidia-ad104', minmemory: x}]}}]}}",
     "{\"resources\":{\"compute\":[{\"name\":\"c\",\"type\":\"urn:x\",\"spec\":{\"volumes\":[{\"a\""
     ":1}],\"extras\":[{\"type\":\"https://tinyurl.com/nvidia-ad104\",\"minmemory\":\"x\"}]}}]}}",
     "/resources/compute/0 unknown-type"},
    {"{callouts: [{type: 'urn:mail', spec: {triggers: [{status: 'A, B'}]}}]}",
     "{\"callouts\":[{\"type\":\"urn:mail\",\"spec\":{\"triggers\":[{\"status\":\"A, B\"}]}}]}",
     "/callouts/0 unknown-type"},
    {"{triggers: [{type: 'urn:t', spec: {conditions: [{value: 'A, B'}]}}]}",
     "{\"triggers\":[{\"type\":\"urn:t\",\"spec\":{\"conditions\":[{\"value\":\"A, B\"}]}}]}",
     "/triggers/0 unknown-type"},
    /* extension keys are carried */
    {"{x-mine: {a: [null, 1]}, resources: {x-b: 1, compute: [{" BARE ", x-c: 2}]}}",
     "{\"x-mine\":{\"a\":[null,1]},\"resources\":{\"x-b\":1,\"compute\":[{" BARE ",\"x-c\":2}]}}",
     ""},
    {"{x-mine: {a: null}}", "{\"x-mine\":{\"a\":null}}", ""},
    /* one fault, one finding */
    {"{executable: {type: https://www.purl.org/ivoa.net/executable-types/oci-container, spec: a}}",
     NULL, "/executable/spec wrong-type"},
};

static void test_cases(void)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        own(json_fini) json_t *doc = NULL;
        own(findings_fini) struct findings findings = {0};
        struct err err = {0};
        if (doc_bytes("case", cases[i].yaml, strlen(cases[i].yaml), &doc, &err) < 0) {
            is_str(err.text, "", cases[i].yaml);
            continue;
        }
        is_int(check_document(&model, KIND_TASK, doc, "/base", &findings, &err), 0, cases[i].yaml);
        own(str_fini) char *got = told(&findings);
        is_str(got, cases[i].told, cases[i].yaml);
        own(str_fini) char *json = write_string(doc);
        if (cases[i].json)
            is_str(json, cases[i].json, cases[i].yaml);
        is_int(findings.errors == 0, cases[i].json != NULL, cases[i].yaml);
    }
}

/* Paths: the base they begin at, and none. */
static const struct {
    const char *base, *location, *want; /* NULL: refused */
} paths[] = {
    {"/base", "a", "file:///base/a"},
    {"/base", "./a/", "file:///base/a/"},
    {"/base/x", "../a", "file:///base/a"},
    {"/base", "../../../a", "file:///a"},
    {"/base", "..", "file:///"},
    {"/base", "/a/./b/../c", "file:///a/c"},
    {"/", "a", "file:///a"},
    {"/base", "a b#1%.fits", "file:///base/a%20b%231%25.fits"},
    {"/base", "\xc3\xa9", "file:///base/%C3%A9"},
    {"/base", "http://example.org/a/../b", "http://example.org/a/../b"},
    {"/base", "file:///a", "file:///a"},
    {"/base", "s3://bucket/key", "s3://bucket/key"},
    {NULL, "/a", "file:///a"},
    {NULL, "a", NULL},
};
static const struct {
    const char *base, *image, *want;
} images[] = {
    {"/base", "oci:img:tag", "oci:/base/img:tag"},
    {"/base", "oci-archive:a.tar", "oci-archive:/base/a.tar"},
    {"/base", "oci:/img", "oci:/img"},
    {"/base", "ivoa/tool", "ivoa/tool"},
    {NULL, "oci:img", NULL},
};

static void test_path(const char *base, const char *type, const char *key, const char *value,
                      const char *want)
{
    own(findings_fini) struct findings findings = {0};
    struct err err = {0};
    own(json_fini) json_t *doc =
        json_pack("{s:{s:s,s:{s:s}}}", "executable", "type", type, "spec", key, value);
    is_int(check_document(&model, KIND_TASK, doc, base, &findings, &err), 0, value);
    own(str_fini) char *got = told(&findings);
    /* A program cannot be a directory, and that is all there is to say of one. */
    const char *rule = !want                           ? "relative-path"
                       : want[strlen(want) - 1] == '/' ? "not-a-file"
                                                       : NULL;
    own(str_fini) char *told_of = rule ? str_print("/executable/spec/%s %s", key, rule) : NULL;
    is_str(got, told_of ? told_of : "", value);
    const json_t *spec = json_object_get(json_object_get(doc, "executable"), "spec");
    if (want)
        is_str(json_text(spec, key), want, value);
}

static void test_paths(void)
{
    static const char prefix[] = "https://www.purl.org/ivoa.net/executable-types/";
    own(str_fini) char *python = str_print("%spython-program", prefix);
    own(str_fini) char *oci = str_print("%soci-container", prefix);
    for (size_t i = 0; i < COUNT(paths); i++)
        test_path(paths[i].base, python, "program", paths[i].location, paths[i].want);
    for (size_t i = 0; i < COUNT(images); i++)
        test_path(images[i].base, oci, "image", images[i].image, images[i].want);
}

/* What stands at a place, when several moves lead there or to what it lies in. */
static void test_moves(void)
{
    static const char *const made[][2] = {
        {"/list/0", "/list"}, {"/a/spec", "/old"}, {"/a/spec/x", "/a/spec/y"},
        {"/b", "/list/0/b"},  {"/a/spec", "/new"}, {"/c", "/b/c"},
        {"/d", "/c"},
    };
    static const char *const wanted[][2] = {
        {"", ""},
        {"/", "/"},
        {"/list/0/x", "/list/x"},
        {"/list/01", "/list/01"}, /* whole steps only */
        {"/a", "/a"},
        {"/a/spec", "/new"},         /* the last of two moves there */
        {"/a/spec/x/z", "/new/x/z"}, /* the later move, though it is not the closer one */
        {"/b", "/list/b"},           /* a move of what was moved before */
        {"/d/0", "/list/b/c/0"},
    };
    own(moves_fini) struct moves moves = {0};
    for (size_t i = 0; i < COUNT(made); i++)
        moves_add(&moves, made[i][0], made[i][1]);
    for (size_t i = 0; i < COUNT(wanted); i++) {
        own(str_fini) char *got = moves_origin(&moves, wanted[i][0]);
        is_str(got, wanted[i][1], wanted[i][0]);
    }
}

/* Sanitizers copy a list whenever it grows, and look for the end of a string ever again. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define MANY 2000
#else
#define MANY 30000
#endif

/* What grew with the square of the document: these took minutes. `item` is there `n` times. */
static void test_many(const char *before, const char *item, const char *after, size_t n,
                      size_t findings_at_least, size_t findings_at_most)
{
    own(buf_fini) struct buf b = {0};
    own(json_fini) json_t *doc = NULL;
    own(findings_fini) struct findings findings = {0};
    struct err err = {0};
    buf_str(&b, before);
    for (size_t i = 0; i < n; i++)
        buf_str(&b, item);
    buf_str(&b, after);
    is_int(doc_bytes("many", b.bytes, b.len, &doc, &err), 0, before);
    const clock_t begin = clock();
    is_int(check_document(&model, KIND_TASK, doc, NULL, &findings, &err), 0, before);
    const clock_t end = clock();
    is_int(end - begin < 3 * CLOCKS_PER_SEC, true, "in good time");
    is_int(findings.n >= findings_at_least && findings.n <= findings_at_most, true, "findings");
}

static void test_large(void)
{
    test_many("{\"resources\":{\"compute\":[{}", ",{\"mincores\":1}", "]}}", MANY, MANY, MANY);
    test_many("{\"triggers\":[{\"type\":\"" UPDATE "\",\"spec\":{\"conditions\":["
              "{\"name\":\"a\",\"value\":\"A\",\"action\":\"start\"}",
              ",{\"name\":\"a\",\"value\":\"A\",\"action\":\"cancel\"}", "]}}]}", MANY, MANY, MANY);
    test_many("{\"callouts\":[{\"type\":\"" UPDATE "\",\"spec\":{\"content\":\"", "{{", "\"}}]}",
              10 * MANY, 20, 20);
    test_many("{\"callouts\":[{\"type\":\"" UPDATE "\",\"spec\":{\"content\":\"", "{{job.name}}",
              "\"}}]}", 2 * MANY, 0, 0);
    test_many("{\"resources\":{\"storage\":[{\"name\":\"s\",\"type\":\"urn:s\"}],\"compute\":[{"
              "\"volumes\":[{\"resource\":\"s\",\"path\":\"",
              "/a", "\"}]}]}}", 5 * MANY, 1, 1);
}

/* Of which kind a document is (decisions.md, "Document kind"). */
static const struct {
    const char *json, *kind;
} kinds[] = {
    {"{}", "task"},
    {"{\"name\":\"a\"}", "task"},
    {"{\"offers\":[]}", "answer"},
    {"{\"id\":\"x\",\"phase\":\"PENDING\",\"offer\":\"x\"}", "job"},
    {"{\"name\":\"p\",\"driver\":\"local\"}", "platform"},
    {"{\"name\":\"p\",\"driver\":\"local\",\"offers\":{\"lifetime\":\"PT1S\"}}", "platform"},
    {"[]", "task"},
};

static void test_kinds(void)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        own(json_fini) json_t *doc = json_loads(kinds[i].json, 0, NULL);
        enum kind kind = kind_of(doc), parsed = KIND_TASK;
        is_str(kind_name(kind), kinds[i].kind, kinds[i].json);
        is_int(kind_parse(kinds[i].kind, &parsed), 0, kinds[i].kind);
        is_int((int)parsed, (int)kind, kinds[i].kind);
    }
    enum kind kind;
    is_int(kind_parse("Task", &kind), -1, "Task");
    is_int(kind_parse("", &kind), -1, "no kind");
}

static int is_document(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return dot && str_same(dot, ".json") && !str_same(e->d_name, "types.json") &&
           !str_same(e->d_name, "openapi.json"); /* which is no schema */
}

/* Every schema of ours and of the catalogue can be read and applied: no keyword or format we do not
 * know. */
static void test_schemas(void)
{
    const char *uri;
    json_t *row;
    json_object_foreach (model.types, uri, row) {
        struct err err = {0};
        own(findings_fini) struct findings findings = {0};
        own(json_fini) json_t *empty = json_object();
        struct pointer at = {0};
        const struct schema *schema = type_schema(&model, uri, &err);
        is_str(schema ? "" : err.text, "", uri);
        if (schema)
            is_int(schema_check(schema, empty, &at, &findings, NULL, &err) >= 0, true, uri);
    }
    struct dirent **files = NULL;
    const int n = scandir(model.dir, &files, is_document, alphasort);
    is_int(n > 4, true, "documents have schemas");
    for (int i = 0; i < n; i++) {
        struct err err = {0};
        is_str(model_schema(&model, files[i]->d_name, &err) ? "" : err.text, "", files[i]->d_name);
        free(files[i]);
    }
    free(files);
    is_str(type_uri(&model, "https://tinyurl.com/nvidia-ad104"),
           "https://www.purl.org/ivoa.net/resource-types/nvidia-ad104", "an alias");
    is_str(type_uri(&model, "nvidia-ad104"), NULL, "plain strings are compared (EP-04)");
    is_str(type_uri(&model, NULL), NULL, "no type at all");
    is_str(type_area(&model, GENERIC), "compute", "area");
    is_str(type_short(GENERIC), "generic-compute", "the last part");
    is_str(type_short("urn:x"), "urn:x", "there is no other part");
    is_str(type_short("http://x/"), "http://x/", "an empty last part");
}

static void test_no_model(void)
{
    struct model none;
    struct err err = {0};
    is_int(model_open(&none, "/nonexistent", &err), -1, "no schemas");
    is_int((int)err.code, CODE_CONFIG, "is a wrong configuration");
    has_str(err.text, "types.json", "and names the file");
}

int main(void)
{
    struct err err = {0};
    if (model_open(&model, NULL, &err) < 0) {
        printf("1..0 # skip %s\n", err.text);
        return 0;
    }
    test_cases();
    test_paths();
    test_moves();
    test_large();
    test_kinds();
    test_schemas();
    test_no_model();
    model_close(&model);
    return tap_end();
}
