#include <math.h>
#include "model/schema.h"
#include "text/buf.h"
#include "text/write.h"

struct run {
    struct schema_source *source;
    json_t *root;              /* of the schema being applied */
    struct pointer *at;        /* in the instance */
    struct findings *findings; /* NULL while only asking */
    size_t failed;
    int depth;
    bool broken; /* the schema is wrong; err says how */
    struct err *err;
};

static void check(struct run *r, json_t *schema, json_t *instance);

static struct finding *complain(struct run *r, const char *rule, const char *fmt, ...) PRINTF(3, 4);

static struct finding *complain(struct run *r, const char *rule, const char *fmt, ...)
{
    static struct finding nobody;
    char text[800];
    va_list ap;
    r->failed++;
    if (!r->findings)
        return &nobody;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return finding_add(r->findings, FINDING_ERROR, rule, r->at->text, "%s", text);
}

static void broken(struct run *r, const char *fmt, ...) PRINTF(2, 3);

static void broken(struct run *r, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!r->broken)
        err_set(r->err, CODE_CONFIG, "schema: %s", text);
    r->broken = true;
}

/* The last name of the pointer, to begin a sentence with. */
static const char *name_of(const struct run *r)
{
    const char *slash = strrchr(r->at->text, '/');
    return slash ? slash + 1 : "document";
}

/* "the string \"eight\"", shortened. */
static char *shown(const json_t *v)
{
    static const char *const names[] = {"the mapping", "the list",  "the string", "the number",
                                        "the number",  "the value", "the value",  "the value"};
    if (json_is_object(v) || json_is_array(v))
        return str_print("a %s", names[json_typeof(v)] + 4);
    own(str_fini) char *text = write_string(v);
    bool cut = strlen(text) > 60;
    int n = 60;
    while (cut && (text[n] & 0xc0) == 0x80) /* between characters */
        n--;
    return str_print("%s %.*s%s", names[json_typeof(v)], n, text, cut ? "..." : "");
}

/* Equal as JSON Schema says: 1 is 1.0. */
static bool same_value(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b);
    if (!json_is_object(a) && !json_is_array(a))
        return json_equal(a, b);
    if (json_typeof(a) != json_typeof(b) || json_object_size(a) != json_object_size(b) ||
        json_array_size(a) != json_array_size(b))
        return false;
    json_object_foreach ((json_t *)a, key, v) {
        const json_t *other = json_object_get(b, key);
        if (!other || !same_value(v, other))
            return false;
    }
    json_array_foreach (a, i, v)
        if (!same_value(v, json_array_get(b, i)))
            return false;
    return true;
}

static bool has_type(const json_t *v, const char *type)
{
    if (str_same(type, "number"))
        return json_is_number(v);
    if (str_same(type, "integer"))
        return json_is_integer(v) ||
               (json_is_real(v) && trunc(json_real_value(v)) == json_real_value(v));
    if (str_same(type, "string"))
        return json_is_string(v);
    if (str_same(type, "object"))
        return json_is_object(v);
    if (str_same(type, "array"))
        return json_is_array(v);
    if (str_same(type, "boolean"))
        return json_is_boolean(v);
    return str_same(type, "null") && json_is_null(v);
}

static const char *type_word(const char *type)
{
    static const char *const words[][2] = {
        {"number", "a number"},  {"integer", "a whole number"}, {"string", "a string"},
        {"object", "a mapping"}, {"array", "a list"},           {"boolean", "true or false"},
    };
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_same(type, words[i][0]))
            return words[i][1];
    return type;
}

static void kw_type(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    own(buf_fini) struct buf expected = {0};
    if (json_is_string(value)) {
        if (has_type(instance, json_string_value(value)))
            return;
        buf_str(&expected, type_word(json_string_value(value)));
    }
    size_t i;
    json_t *type;
    json_array_foreach (value, i, type) {
        if (has_type(instance, json_string_value(type)))
            return;
        buf_print(&expected, "%s%s", i ? " or " : "", type_word(json_string_value(type)));
    }
    own(str_fini) char *got = shown(instance);
    complain(r, "wrong-type", "%s: expected %s, got %s", name_of(r), expected.bytes, got);
}

static void kw_enum(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    own(buf_fini) struct buf expected = {0};
    size_t i;
    json_t *v;
    json_array_foreach (value, i, v) {
        if (same_value(v, instance))
            return;
        if (i)
            buf_str(&expected, ", ");
        write_json(&expected, v, 0);
    }
    own(str_fini) char *got = shown(instance);
    complain(r, "bad-value", "%s: expected one of %s, got %s", name_of(r), expected.bytes, got);
}

static void kw_const(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    if (same_value(value, instance))
        return;
    own(str_fini) char *want = write_string(value);
    complain(r, "bad-value", "%s: expected %s", name_of(r), want);
}

static void kw_required(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    size_t i;
    json_t *key;
    if (!json_is_object(instance))
        return;
    json_array_foreach (value, i, key)
        if (!json_object_get(instance, json_string_value(key)))
            complain(r, "missing-key", "%s: the key \"%s\" is missing", name_of(r),
                     json_string_value(key));
}

static void kw_properties(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    const char *key;
    json_t *sub;
    json_object_foreach (value, key, sub) {
        json_t *v = json_object_get(instance, key);
        if (!v)
            continue;
        size_t up = pointer_key(r->at, key);
        check(r, sub, v);
        pointer_up(r->at, up);
    }
}

static bool key_matches(struct run *r, json_t *patterns, const char *key)
{
    const char *pattern;
    json_t *sub;
    json_object_foreach (patterns, pattern, sub) {
        int rc = pattern_match(pattern, key, strlen(key), r->err);
        r->broken |= rc < 0;
        if (rc != 0)
            return true;
    }
    return false;
}

static void kw_pattern_properties(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    const char *pattern, *key;
    json_t *sub, *v;
    json_object_foreach (value, pattern, sub)
        json_object_foreach (instance, key, v) {
            int rc = pattern_match(pattern, key, strlen(key), r->err);
            r->broken |= rc < 0;
            if (rc <= 0)
                continue;
            size_t up = pointer_key(r->at, key);
            check(r, sub, v);
            pointer_up(r->at, up);
        }
}

static void unknown_key(struct run *r, json_t *properties, const char *key)
{
    own(strs_fini) struct strs names = {0};
    const char *name;
    json_t *sub;
    json_object_foreach (properties, name, sub)
        strs_add(&names, name);
    struct finding *f = complain(r, "unknown-key", "unknown key \"%s\"", key);
    const char *near = names.n ? near_miss(key, (const char *const *)names.list) : NULL;
    if (near && r->findings)
        finding_hint(f, "did you mean \"%s\"?", near);
}

static void kw_additional(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    json_t *properties = json_object_get(schema, "properties");
    json_t *patterns = json_object_get(schema, "patternProperties");
    const char *key;
    json_t *v;
    json_object_foreach (instance, key, v) {
        if (json_object_get(properties, key) || key_matches(r, patterns, key))
            continue;
        size_t up = pointer_key(r->at, key);
        if (json_is_false(value))
            unknown_key(r, properties, key);
        else
            check(r, value, v);
        pointer_up(r->at, up);
    }
}

static void kw_items(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    size_t i;
    json_t *v;
    json_array_foreach (instance, i, v) {
        size_t up = pointer_index(r->at, i);
        check(r, value, v);
        pointer_up(r->at, up);
    }
}

static size_t characters(const json_t *string)
{
    const char *s = json_string_value(string);
    size_t n = 0;
    for (size_t i = 0; i < json_string_length(string); i++)
        n += (s[i] & 0xc0) != 0x80;
    return n;
}

static void kw_count(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    bool list = value == json_object_get(schema, "minItems") ||
                value == json_object_get(schema, "maxItems");
    size_t n = list ? json_array_size(instance) : characters(instance);
    const char *what = list ? "items" : "characters";
    json_int_t limit = json_integer_value(value);
    bool maximum = value == json_object_get(schema, list ? "maxItems" : "maxLength");
    if (list ? !json_is_array(instance) : !json_is_string(instance))
        return;
    if (maximum ? (json_int_t)n > limit : (json_int_t)n < limit)
        complain(r, "out-of-range", "%s: expected %s %lld %s, got %zu", name_of(r),
                 maximum ? "at most" : "at least", (long long)limit, what, n);
}

static void kw_range(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    static const struct {
        const char *name, *words;
        int sign;
        bool open;
    } rows[] = {{"minimum", "at least", 1, false},
                {"maximum", "at most", -1, false},
                {"exclusiveMinimum", "more than", 1, true},
                {"exclusiveMaximum", "less than", -1, true}};
    if (!json_is_number(instance))
        return;
    double d = json_number_value(instance) - json_number_value(value);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (json_object_get(schema, rows[i].name) != value)
            continue;
        if (rows[i].open ? d * rows[i].sign > 0 : d * rows[i].sign >= 0)
            return;
        own(str_fini) char *limit = write_string(value);
        own(str_fini) char *got = write_string(instance);
        complain(r, "out-of-range", "%s: expected %s %s, got %s", name_of(r), rows[i].words, limit,
                 got);
    }
}

static void kw_pattern(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    if (!json_is_string(instance))
        return;
    int rc = pattern_match(json_string_value(value), json_string_value(instance),
                           json_string_length(instance), r->err);
    r->broken |= rc < 0;
    if (rc != 0)
        return;
    own(str_fini) char *got = shown(instance);
    const char *about = json_text(schema, "description");
    complain(r, "bad-form", "%s: expected %s, got %s", name_of(r),
             about ? about : json_string_value(value), got);
}

static void kw_format(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    const char *why = "";
    int rc = format_check(json_string_value(value), instance, &why);
    if (rc < 0)
        broken(r, "unknown format \"%s\"", json_string_value(value));
    if (rc != 0)
        return;
    own(str_fini) char *got = shown(instance);
    complain(r, "bad-form", "%s: %s, got %s", name_of(r), why, got);
}

static void kw_unique(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    if (!json_is_true(value) || !json_is_array(instance))
        return;
    for (size_t i = 0; i < json_array_size(instance); i++)
        for (size_t k = 0; k < i; k++)
            if (same_value(json_array_get(instance, i), json_array_get(instance, k)))
                complain(r, "not-unique", "%s: items %zu and %zu are the same", name_of(r), k, i);
}

/* Would it pass? Says nothing. */
static bool passes(struct run *r, json_t *schema, json_t *instance)
{
    struct run ask = *r;
    ask.findings = NULL;
    ask.failed = 0;
    check(&ask, schema, instance);
    r->broken |= ask.broken;
    return ask.failed == 0;
}

static void kw_any_of(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    size_t i;
    json_t *sub;
    json_array_foreach (value, i, sub)
        if (passes(r, sub, instance))
            return;
    own(buf_fini) struct buf titles = {0};
    json_array_foreach (value, i, sub) {
        const char *title = json_text(sub, "title");
        buf_print(&titles, "%s%s", i ? " or " : "", title ? title : "another form");
    }
    complain(r, "bad-value", "%s: expected %s", name_of(r), titles.bytes);
}

static void kw_all_of(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    size_t i;
    json_t *sub;
    json_array_foreach (value, i, sub)
        check(r, sub, instance);
}

static void kw_not(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    if (passes(r, value, instance))
        complain(r, "bad-value", "%s: this form is not allowed", name_of(r));
}

static void kw_if(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    json_t *branch = json_object_get(schema, passes(r, value, instance) ? "then" : "else");
    if (branch)
        check(r, branch, instance);
}

/* What one reference names. */
static json_t *follow(struct schema_source *source, json_t **root, const char *ref, struct err *err)
{
    const char *hash = ref ? strchr(ref, '#') : NULL;
    if (ref && hash != ref) {
        own(str_fini) char *name = hash ? str_print("%.*s", (int)(hash - ref), ref) : str_new(ref);
        *root = source->find(source, name, err);
        if (!*root)
            return NULL;
    }
    json_t *schema = !ref ? NULL : hash ? pointer_find(*root, hash + 1) : *root;
    if (!schema)
        err_set(err, CODE_CONFIG, "schema: nothing at \"%s\"", ref ? ref : "");
    return schema;
}

static void kw_ref(struct run *r, json_t *value, json_t *schema, json_t *instance)
{
    (void)schema;
    json_t *before = r->root;
    json_t *target = follow(r->source, &r->root, json_string_value(value), r->err);
    if (target)
        check(r, target, instance);
    else
        r->broken = true;
    r->root = before;
}

static const struct {
    const char *name;
    void (*apply)(struct run *r, json_t *value, json_t *schema, json_t *instance);
} keywords[] = {
    {"$ref", kw_ref},
    {"type", kw_type},
    {"enum", kw_enum},
    {"const", kw_const},
    {"required", kw_required},
    {"properties", kw_properties},
    {"patternProperties", kw_pattern_properties},
    {"additionalProperties", kw_additional},
    {"items", kw_items},
    {"minItems", kw_count},
    {"maxItems", kw_count},
    {"minLength", kw_count},
    {"maxLength", kw_count},
    {"minimum", kw_range},
    {"maximum", kw_range},
    {"exclusiveMinimum", kw_range},
    {"exclusiveMaximum", kw_range},
    {"pattern", kw_pattern},
    {"format", kw_format},
    {"uniqueItems", kw_unique},
    {"anyOf", kw_any_of},
    {"allOf", kw_all_of},
    {"not", kw_not},
    {"if", kw_if},
    /* read by others, or only told to people */
    {"then", NULL},
    {"else", NULL},
    {"$schema", NULL},
    {"$id", NULL},
    {"$defs", NULL},
    {"$comment", NULL},
    {"title", NULL},
    {"description", NULL},
    {"default", NULL},
    {"examples", NULL},
};

static void check(struct run *r, json_t *schema, json_t *instance)
{
    const char *key;
    json_t *value;
    if (json_is_true(schema) || r->broken)
        return;
    if (json_is_false(schema)) {
        complain(r, "bad-value", "%s: not allowed here", name_of(r));
        return;
    }
    if (!json_is_object(schema) || r->depth > 200) {
        broken(r, "expected a mapping at most 200 references deep");
        return;
    }
    r->depth++;
    json_object_foreach (schema, key, value) {
        size_t i = 0;
        while (i < COUNT(keywords) && strcmp(keywords[i].name, key) != 0)
            i++;
        if (i == COUNT(keywords))
            broken(r, "keyword \"%s\" is not supported", key);
        else if (keywords[i].apply)
            keywords[i].apply(r, value, schema, instance);
    }
    r->depth--;
}

json_t *schema_deref(struct schema_source *source, json_t **root, json_t *schema, struct err *err)
{
    for (int hops = 0; hops < 50; hops++) {
        const char *ref = json_text(schema, "$ref");
        if (!ref)
            return schema;
        schema = follow(source, root, ref, err);
        if (!schema)
            return NULL;
    }
    err_set(err, CODE_CONFIG, "schema: references run in a circle");
    return NULL;
}

int schema_check(struct schema_source *source, json_t *root, json_t *schema, json_t *instance,
                 struct pointer *at, struct findings *findings, struct err *err)
{
    struct run r = {.source = source, .root = root, .at = at, .findings = findings, .err = err};
    check(&r, schema, instance);
    return r.broken ? -1 : 0;
}
