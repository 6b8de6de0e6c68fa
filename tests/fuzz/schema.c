/* The schema engine: the first document of a stream is a schema, the rest are instances. The n-th
 * is also read at the URI "a:", "b:"..., so that schemas refer to each other and in circles. */
#include "fuzz.h"
#include "model/schema.h"
#include "text/doc.h"

#define INSTANCES 6
#define DEEP 6 /* anyOf below anyOf is tried as often as the product of their branches */

static int depth_of(const json_t *v)
{
    int deepest = 0;
    const char *key;
    json_t *item;
    size_t i;
    json_object_foreach ((json_t *)v, key, item) {
        int d = depth_of(item);
        deepest = d > deepest ? d : deepest;
    }
    json_array_foreach (v, i, item) {
        int d = depth_of(item);
        deepest = d > deepest ? d : deepest;
    }
    return deepest + 1;
}

static json_t *read_uri(void *context, const char *uri, struct err *err)
{
    json_t *documents = context;
    json_t *document = json_array_get(documents, (size_t)(*uri - 'a'));
    if (document && str_same(uri + 1, ":"))
        return json_incref(document);
    err_set(err, CODE_CONFIG, "there is no document of this URI");
    return NULL;
}

static void check_text(const char *text)
{
    own(json_fini) json_t *valid = json_string(text);
    must(*text && valid, "a text in UTF-8, got \"%s\"", text);
}

/* What is told stands in the instance, or would if it were there. */
static void check_finding(const struct finding *f, json_t *instance)
{
    check_text(f->text);
    must(f->schema && f->keyword && f->rule, "%s: no schema, keyword or rule", f->text);
    if (strlen(f->pointer) < 900) /* longer ones are cut off */
        must(pointer_find(instance, f->pointer), "%s is not in the instance: %s", f->pointer,
             f->text);
}

static void check_instance(const struct schema *schema, json_t *instance)
{
    own(json_fini) json_t *copy = json_deep_copy(instance);
    int results[3];
    for (size_t i = 0; i < COUNT(results); i++) {
        own(findings_fini) struct findings findings = {0};
        struct pointer at = {0};
        struct err err = {0};
        const bool told = i < 2; /* once only asked */
        results[i] = schema_check(schema, instance, &at, told ? &findings : NULL, NULL, &err);
        must(at.len == 0, "the pointer comes back as %s", at.text);
        must(json_equal(copy, instance), "the instance was changed");
        must(results[i] == results[0], "%d, then %d", results[0], results[i]);
        if (results[i] < 0) {
            must(err.code == CODE_CONFIG && *err.text, "code %d", err.code);
        }
        if (told && results[i] >= 0)
            must((results[i] == 1) == (findings.errors == 0), "%d with %zu errors", results[i],
                 findings.errors);
        for (size_t k = 0; k < findings.n; k++)
            check_finding(&findings.list[k], instance);
    }
}

static void check_schema(json_t *documents, bool own, bool assert_format)
{
    struct err err = {0};
    const struct schema_reading reading = {read_uri, documents, own, assert_format};
    own(schema_set_fini) struct schema_set *set = schema_set_new(&reading);
    const struct schema *schema = schema_load(set, "a:", &err);
    if (!schema) {
        must(err.code != CODE_OK && *err.text, "refused without a word");
        return;
    }
    for (size_t i = 1; i < json_array_size(documents); i++)
        check_instance(schema, json_array_get(documents, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err;
    own(input_close) struct input in = {0};
    own(json_fini) json_t *documents = json_array();
    if (input_bytes(&in, "x", data, size, &err) < 0)
        return 0;
    for (int rc = 1; rc > 0 && json_array_size(documents) <= INSTANCES;) {
        json_t *doc = NULL;
        rc = input_next(&in, &doc, &err);
        if (rc <= 0)
            break;
        if (json_array_size(documents) > 0 && depth_of(doc) > DEEP)
            json_fini(&doc);
        else
            json_array_append_new(documents, doc);
    }
    if (json_array_size(documents) == 0)
        return 0;
    check_schema(documents, false, false);
    check_schema(documents, true, true);
    return 0;
}
