/* The keywords that assert something of a value itself: the vocabularies validation and format. */
#include "model/keyword.h"
#include "model/value.h"
#include "text/buf.h"
#include "text/write.h"

/* ---- any instance ------------------------------------------------------------------------ */

/* A number or a word of YAML where a string is expected was meant as one; what has a form of its
 * own is described by its schema. */
static void hint_at_type(struct finding *f, const json_t *schema, const json_t *v)
{
    const char *about = json_text(schema, "description");
    if (!f->text || json_is_object(v) || json_is_array(v))
        return;
    if (json_object_get(schema, "format") && about)
        finding_hint(f, "expected %s", about);
    else if (str_same(json_text(schema, "type"), "string") && !json_is_string(v) &&
             !json_is_null(v))
        finding_hint(f, "write it in quotes");
}

static bool kw_type(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    (void)seen;
    own(buf_fini) struct buf expected = {0};
    const json_t *value = step->value;
    const size_t n = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *type = json_is_array(value) ? json_array_get(value, i) : value;
        if (value_is(v, json_string_value(type)))
            return true;
    }
    if (!r->findings)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *type = json_is_array(value) ? json_array_get(value, i) : value;
        buf_print(&expected, "%s%s", i ? " or " : "", value_kind(json_string_value(type)));
    }
    own(str_fini) char *got = value_shown(v);
    struct finding *f =
        keyword_complain(r, step, "wrong-type", "%s: expected %s, got %s", keyword_about(r),
                         expected.bytes ? expected.bytes : "nothing", got);
    hint_at_type(f, step->schema->json, v);
    return false;
}

static bool kw_enum(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    (void)seen;
    own(strs_fini) struct strs words = {0};
    size_t i;
    json_t *item;
    json_array_foreach (step->value, i, item)
        if (value_same(item, v))
            return true;
    keyword_effort(r, step, json_array_size(step->value));
    if (!r->findings)
        return false;
    json_array_foreach (step->value, i, item)
        if (json_is_string(item))
            strs_add(&words, json_string_value(item));
    own(str_fini) char *expected = value_list(step->value);
    own(str_fini) char *got = value_shown(v);
    struct finding *f = keyword_complain(r, step, "bad-value", "%s: expected %s, got %s",
                                         keyword_about(r), expected, got);
    const char *near = json_is_string(v) && words.n
                           ? near_miss(json_string_value(v), (const char *const *)words.list)
                           : NULL;
    if (near && f->text)
        finding_hint(f, "did you mean \"%s\"?", near);
    return false;
}

static bool kw_const(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    (void)seen;
    if (value_same(step->value, v))
        return true;
    if (r->findings) {
        own(str_fini) char *want = value_brief(step->value);
        own(str_fini) char *got = value_shown(v);
        keyword_complain(r, step, "bad-value", "%s: expected %s, got %s", keyword_about(r), want,
                         got);
    }
    return false;
}

/* ---- numbers ----------------------------------------------------------------------------- */

static bool kw_range(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    static const struct {
        const char *name, *words;
        int sign;
        bool open;
    } rows[] = {{"minimum", "at least", 1, false},
                {"maximum", "at most", -1, false},
                {"exclusiveMinimum", "more than", 1, true},
                {"exclusiveMaximum", "less than", -1, true}};
    size_t i = 0;
    (void)seen;
    if (!json_is_number(v))
        return true;
    while (strcmp(rows[i].name, step->keyword->name) != 0)
        i++;
    const int order = value_order(v, step->value) * rows[i].sign;
    if (rows[i].open ? order > 0 : order >= 0)
        return true;
    if (r->findings) {
        own(str_fini) char *limit = write_string(step->value);
        own(str_fini) char *got = write_string(v);
        keyword_complain(r, step, "out-of-range", "%s: expected %s %s, got %s", keyword_about(r),
                         rows[i].words, limit, got);
    }
    return false;
}

static bool kw_multiple(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    (void)seen;
    if (!json_is_number(v) || value_is_multiple(v, step->value))
        return true;
    if (r->findings) {
        own(str_fini) char *of = write_string(step->value);
        own(str_fini) char *got = write_string(v);
        keyword_complain(r, step, "out-of-range", "%s: expected a multiple of %s, got %s",
                         keyword_about(r), of, got);
    }
    return false;
}

/* ---- how many ---------------------------------------------------------------------------- */

static size_t characters(const json_t *string)
{
    const char *s = json_string_value(string);
    size_t n = 0;
    for (size_t i = 0; i < json_string_length(string); i++)
        n += (s[i] & 0xc0) != 0x80;
    return n;
}

static bool kw_count(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    static const struct {
        const char *name;
        json_type type;
        bool maximum;
        const char *what;
    } rows[] = {{"minLength", JSON_STRING, false, "character"},
                {"maxLength", JSON_STRING, true, "character"},
                {"minItems", JSON_ARRAY, false, "item"},
                {"maxItems", JSON_ARRAY, true, "item"},
                {"minProperties", JSON_OBJECT, false, "key"},
                {"maxProperties", JSON_OBJECT, true, "key"}};
    size_t i = 0;
    (void)seen;
    while (strcmp(rows[i].name, step->keyword->name) != 0)
        i++;
    if (json_typeof(v) != rows[i].type)
        return true;
    const double limit = json_number_value(step->value);
    if (json_is_string(v) && (rows[i].maximum ? (double)json_string_length(v) <= limit
                                              : (double)json_string_length(v) >= 4 * limit))
        return true; /* a character has one to four bytes */
    const size_t n = json_is_string(v)  ? characters(v)
                     : json_is_array(v) ? json_array_size(v)
                                        : json_object_size(v);
    if (rows[i].maximum ? (double)n <= limit : (double)n >= limit)
        return true;
    keyword_complain(r, step, "out-of-range", "%s: expected %s %g %s%s, got %zu", keyword_about(r),
                     rows[i].maximum ? "at most" : "at least", limit, rows[i].what,
                     limit == 1 ? "" : "s", n);
    return false;
}

/* ---- strings ----------------------------------------------------------------------------- */

static bool kw_pattern(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    (void)seen;
    if (!json_is_string(v) ||
        keyword_matches(r, step, step->pattern, json_string_value(v), json_string_length(v)))
        return true;
    if (r->findings) {
        own(str_fini) char *got = value_shown(v);
        const char *about = json_text(step->schema->json, "description");
        if (!about)
            about = json_text(step->schema->json, "title");
        keyword_complain(r, step, "bad-form", "%s: expected %s%s, got %s", keyword_about(r),
                         about ? "" : "what matches ",
                         about ? about : json_string_value(step->value), got);
    }
    return false;
}

static bool kw_format(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const struct schema_reading *reading = schema_set_reading(step->schema->set);
    const char *name = json_string_value(step->value), *why = "";
    (void)seen;
    if (!reading->own && !reading->assert_format &&
        !(step->schema->resource->vocabulary & VOCABULARY_FORMAT_ASSERTION))
        return true;
    const int rc = format_check(reading->own, name, v, &why);
    if (rc < 0)
        return reading->own ? keyword_broken(r, step, "nobody here knows this format") : true;
    if (rc > 0) {
        if (r->hook && json_is_string(v))
            r->hook->formatted(r->hook->context, name, v, r->at);
        return true;
    }
    if (r->findings) {
        own(str_fini) char *got = value_shown(v);
        keyword_complain(r, step, "bad-form", "%s: %s, got %s", keyword_about(r), why, got);
    }
    return false;
}

/* ---- mappings and lists ------------------------------------------------------------------ */

static bool kw_required(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    size_t i;
    json_t *key;
    bool ok = true;
    (void)seen;
    json_array_foreach (json_is_object(v) ? step->value : NULL, i, key) {
        if (json_object_get(v, json_string_value(key)))
            continue;
        keyword_complain(r, step, "missing-key", "%s: the key \"%s\" is missing", keyword_about(r),
                         json_string_value(key));
        ok = false;
    }
    return ok;
}

static bool kw_dependent_required(struct run *r, const struct step *step, json_t *v,
                                  struct seen *seen)
{
    const char *has;
    json_t *needs, *key;
    size_t i;
    bool ok = true;
    (void)seen;
    json_object_foreach (json_is_object(v) ? step->value : NULL, has, needs)
        json_array_foreach (json_object_get(v, has) ? needs : NULL, i, key) {
            if (json_object_get(v, json_string_value(key)))
                continue;
            keyword_complain(r, step, "missing-key",
                             "%s: the key \"%s\" is missing, \"%s\" needs it", keyword_about(r),
                             json_string_value(key), has);
            ok = false;
        }
    return ok;
}

static bool kw_unique(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    size_t a, b;
    (void)seen;
    if (!json_is_true(step->value) || !json_is_array(v) || !value_twice(v, &a, &b))
        return true;
    keyword_complain(r, step, "not-unique", "%s: items %zu and %zu are the same", keyword_about(r),
                     a, b);
    return false;
}

/* In the order of strcmp. The other keyword of a pair reads what has no function here. */
static const struct keyword rows[] = {
    {"const", VOCABULARY_VALIDATION, OPERAND_ANY, kw_const, false},
    {"dependentRequired", VOCABULARY_VALIDATION, OPERAND_NAMES_MAP, kw_dependent_required, false},
    {"enum", VOCABULARY_VALIDATION, OPERAND_LIST, kw_enum, false},
    {"exclusiveMaximum", VOCABULARY_VALIDATION, OPERAND_NUMBER, kw_range, false},
    {"exclusiveMinimum", VOCABULARY_VALIDATION, OPERAND_NUMBER, kw_range, false},
    {"format", VOCABULARY_FORMAT, OPERAND_STRING, kw_format, false},
    {"maxContains", VOCABULARY_VALIDATION, OPERAND_COUNT, NULL, false},
    {"maxItems", VOCABULARY_VALIDATION, OPERAND_COUNT, kw_count, false},
    {"maxLength", VOCABULARY_VALIDATION, OPERAND_COUNT, kw_count, false},
    {"maxProperties", VOCABULARY_VALIDATION, OPERAND_COUNT, kw_count, false},
    {"maximum", VOCABULARY_VALIDATION, OPERAND_NUMBER, kw_range, false},
    {"minContains", VOCABULARY_VALIDATION, OPERAND_COUNT, NULL, false},
    {"minItems", VOCABULARY_VALIDATION, OPERAND_COUNT, kw_count, false},
    {"minLength", VOCABULARY_VALIDATION, OPERAND_COUNT, kw_count, false},
    {"minProperties", VOCABULARY_VALIDATION, OPERAND_COUNT, kw_count, false},
    {"minimum", VOCABULARY_VALIDATION, OPERAND_NUMBER, kw_range, false},
    {"multipleOf", VOCABULARY_VALIDATION, OPERAND_STEP, kw_multiple, false},
    {"pattern", VOCABULARY_VALIDATION, OPERAND_PATTERN, kw_pattern, false},
    {"required", VOCABULARY_VALIDATION, OPERAND_NAMES, kw_required, false},
    {"type", VOCABULARY_VALIDATION, OPERAND_TYPES, kw_type, false},
    {"uniqueItems", VOCABULARY_VALIDATION, OPERAND_BOOLEAN, kw_unique, false},
};
const struct vocabulary assertion_rows = {rows, COUNT(rows)};
