#include "dialect.h"
#include "text/doc.h"

#define COMPONENTS "#/components/schemas/"
#define DEFS "#/$defs/"

void dialect_init(struct dialect *d, const char *dir)
{
    *d = (struct dialect){dir, json_object(), json_object(), json_object()};
}

void dialect_fini(struct dialect *d)
{
    json_decref(d->files);
    json_decref(d->names);
    json_decref(d->schemas);
    *d = (struct dialect){0};
}

/* --- names of components --- */

/* "DataLocator" of "data-locator". */
static void add_words(struct buf *b, const char *text, size_t n)
{
    bool upper = true;
    for (size_t i = 0; i < n; i++) {
        const char c = text[i];
        if (c == '-' || c == '_' || c == '/')
            upper = true;
        else
            buf_char(b, (char)(upper && c >= 'a' && c <= 'z' ? c - 0x20 : c));
        if (c != '-' && c != '_' && c != '/')
            upper = false;
    }
}

/* Of a definition its own name, unless that is another's already: then with its file's. Of a file
 * its own, or with a word more. A new string. */
static char *name_of(const struct dialect *d, const char *ref)
{
    own(buf_fini) struct buf file = {0}, name = {0};
    const char *def = strstr(ref, DEFS);
    add_words(&file, ref, strcspn(ref, "."));
    if (def)
        add_words(&name, def + strlen(DEFS), strlen(def + strlen(DEFS)));
    else
        buf_str(&name, file.bytes);
    if (!json_object_get(d->schemas, name.bytes))
        return buf_take(&name);
    return def ? str_print("%s%s", file.bytes, name.bytes) : str_print("%sDocument", name.bytes);
}

/* --- schemas --- */

static json_t *convert(struct dialect *d, const char *file, const json_t *schema, struct err *err);

enum how {
    AS_IT_IS,
    A_SCHEMA,
    A_RULE, /* a schema, or a boolean that says as much */
    A_LIST, /* of schemas */
    A_MAP,  /* of schemas */
};
static const struct {
    const char *keyword;
    enum how how;
} keywords[] = {
    {"title", AS_IT_IS},
    {"description", AS_IT_IS},
    {"default", AS_IT_IS},
    {"enum", AS_IT_IS},
    {"format", AS_IT_IS},
    {"pattern", AS_IT_IS},
    {"minimum", AS_IT_IS},
    {"maximum", AS_IT_IS},
    {"multipleOf", AS_IT_IS},
    {"minLength", AS_IT_IS},
    {"maxLength", AS_IT_IS},
    {"minItems", AS_IT_IS},
    {"maxItems", AS_IT_IS},
    {"uniqueItems", AS_IT_IS},
    {"minProperties", AS_IT_IS},
    {"maxProperties", AS_IT_IS},
    {"required", AS_IT_IS},
    {"deprecated", AS_IT_IS},
    {"readOnly", AS_IT_IS},
    {"writeOnly", AS_IT_IS},
    {"not", A_SCHEMA},
    {"items", A_SCHEMA},
    {"additionalProperties", A_RULE},
    {"allOf", A_LIST},
    {"anyOf", A_LIST},
    {"oneOf", A_LIST},
    {"properties", A_MAP},
};

/* Of one, a list or a map of schemas: a new reference, NULL with err. */
static json_t *convert_all(struct dialect *d, const char *file, enum how how, const json_t *value,
                           struct err *err)
{
    size_t i;
    const char *key;
    json_t *item;
    if (how == AS_IT_IS || (how == A_RULE && json_is_boolean(value)))
        return json_deep_copy(value);
    if (how == A_SCHEMA || how == A_RULE)
        return convert(d, file, value, err);
    own(json_fini) json_t *all = how == A_LIST ? json_array() : json_object();
    json_array_foreach (value, i, item) {
        json_t *one = convert(d, file, item, err);
        if (!one)
            return NULL;
        json_array_append_new(all, one);
    }
    json_object_foreach ((json_t *)value, key, item) {
        json_t *one = convert(d, file, item, err);
        if (!one)
            return NULL;
        json_object_set_new(all, key, one);
    }
    return move(all);
}

/* A list of types: null is a word of its own there, and several are alternatives. */
static void convert_type(json_t *to, const json_t *type)
{
    own(json_fini) json_t *any = json_array();
    size_t i;
    json_t *one;
    if (json_is_string(type)) {
        json_object_set(to, "type", (json_t *)type);
        return;
    }
    json_array_foreach (type, i, one)
        if (str_same(json_string_value(one), "null"))
            json_object_set_new(to, "nullable", json_true());
        else
            json_array_append_new(any, json_pack("{s:O}", "type", one));
    if (json_array_size(any) == 1)
        json_object_update(to, json_array_get(any, 0));
    else if (json_array_size(any) > 1)
        json_object_set(to, "anyOf", any);
}

/* Values that are all strings say so: who reads it writes an enumeration of its own. */
static void tell_type(json_t *to)
{
    const json_t *values = json_object_get(to, "enum");
    size_t i;
    json_t *one;
    if (!values || json_object_get(to, "type"))
        return;
    json_array_foreach (values, i, one)
        if (!json_is_string(one))
            return;
    json_object_set_new(to, "type", json_string("string"));
}

static void convert_limit(json_t *to, const json_t *schema, const char *exclusive,
                          const char *plain)
{
    const json_t *limit = json_object_get(schema, exclusive);
    if (!limit)
        return;
    json_object_set(to, plain, (json_t *)limit);
    json_object_set_new(to, exclusive, json_true());
}

/* What is said otherwise there. */
static void convert_others(json_t *to, const json_t *schema)
{
    const json_t *value = json_object_get(schema, "const");
    const json_t *examples = json_object_get(schema, "examples");
    if (value)
        json_object_set_new(to, "enum", json_pack("[O]", value));
    if (examples)
        json_object_set(to, "example", json_array_get(examples, 0));
    convert_limit(to, schema, "exclusiveMinimum", "minimum");
    convert_limit(to, schema, "exclusiveMaximum", "maximum");
    convert_type(to, json_object_get(schema, "type"));
    tell_type(to);
    if (str_same(json_text(to, "type"), "array") && !json_object_get(to, "items"))
        json_object_set_new(to, "items", json_object());
    /* keys by their form are not known there: all are then as good */
    if (json_object_get(schema, "patternProperties"))
        json_object_del(to, "additionalProperties");
}

/* Beside a $ref nothing is read there. */
static int convert_ref(struct dialect *d, const char *file, json_t *to, const char *ref,
                       struct err *err)
{
    own(str_fini) char *whole = *ref == '#' ? str_print("%s%s", file, ref) : str_new(ref);
    own(json_fini) json_t *said = dialect_ref(d, whole, err);
    if (!said)
        return -1;
    if (json_object_size(to) == 0)
        json_object_update(to, said);
    else
        json_object_set_new(to, "allOf", json_pack("[O]", said));
    return 0;
}

static json_t *convert(struct dialect *d, const char *file, const json_t *schema, struct err *err)
{
    own(json_fini) json_t *to = json_object();
    const char *ref = json_text(schema, "$ref");
    if (json_is_boolean(schema))
        return json_is_true(schema) ? move(to) : json_pack("{s:{}}", "not");
    for (size_t i = 0; i < COUNT(keywords); i++) {
        const json_t *value = json_object_get(schema, keywords[i].keyword);
        if (!value)
            continue;
        json_t *converted = convert_all(d, file, keywords[i].how, value, err);
        if (!converted)
            return NULL;
        json_object_set_new(to, keywords[i].keyword, converted);
    }
    convert_others(to, schema);
    if (ref && convert_ref(d, file, to, ref, err) < 0)
        return NULL;
    return move(to);
}

/* --- files --- */

static const json_t *read_file(struct dialect *d, const char *file, struct err *err)
{
    json_t *doc = json_object_get(d->files, file);
    own(str_fini) char *path = str_print("%s/%s", d->dir, file);
    if (doc)
        return doc;
    if (doc_file(path, &doc, err) < 0) {
        err->code = CODE_CONFIG;
        return NULL;
    }
    json_object_set_new(d->files, file, doc);
    return doc;
}

json_t *dialect_ref(struct dialect *d, const char *ref, struct err *err)
{
    const char *known = json_text(d->names, ref);
    own(str_fini) char *file = str_print("%.*s", (int)strcspn(ref, "#"), ref);
    if (!known) {
        const json_t *doc = read_file(d, file, err);
        const char *def = strstr(ref, DEFS);
        const json_t *schema =
            def ? json_object_get(json_object_get(doc, "$defs"), def + strlen(DEFS)) : doc;
        if (!doc)
            return NULL;
        if (!schema) {
            err_set(err, CODE_CONFIG, "%s/%s: there is no schema of that name", d->dir, ref);
            return NULL;
        }
        own(str_fini) char *name = name_of(d, ref);
        if (json_object_get(d->schemas, name)) {
            err_set(err, CODE_BUG, "two schemas would be called %s", name);
            return NULL;
        }
        json_object_set_new(d->names, ref, json_string(name));
        json_object_set_new(d->schemas, name, json_object()); /* its place; it may mean itself */
        json_t *converted = convert(d, file, schema, err);
        if (!converted)
            return NULL;
        json_object_set_new(d->schemas, name, converted);
        known = json_text(d->names, ref);
    }
    own(str_fini) char *at = str_print(COMPONENTS "%s", known);
    return json_pack("{s:s}", "$ref", at);
}
