/* The keywords of JSON Schema 2020-12 and what each asks of an instance. */
#include "model/keyword.h"
#include <math.h>
#include "model/value.h"
#include "text/buf.h"
#include "text/write.h"

#define DEPTH_MAX 400   /* schemas inside each other while one is applied */
#define ERRORS_MAX 1000 /* of one document: who has that many wants no more */

/* The resources entered on the way here, for $dynamicRef. */
struct scope {
    const struct resource *resource;
    const struct scope *outer;
};

struct run {
    struct pointer *at;        /* in the instance */
    struct findings *findings; /* NULL while only asking */
    const struct schema_hook *hook;
    const struct scope *scope;
    int depth;
    bool broken; /* it cannot be applied; err says why */
    struct err *err;
};

/* What of one instance the schemas applied so far have evaluated; for unevaluatedProperties and
 * unevaluatedItems. */
struct seen {
    json_t *keys; /* key -> true */
    bool *items;
    size_t n;
};

static void seen_fini(struct seen *s)
{
    json_decref(s->keys);
    free(s->items);
}

static void seen_key(struct seen *s, const char *key)
{
    if (!s)
        return;
    if (!s->keys)
        s->keys = json_object();
    json_object_set_new(s->keys, key, json_true());
}

static void seen_item(struct seen *s, const json_t *array, size_t index)
{
    if (!s)
        return;
    if (!s->items) {
        s->n = json_array_size(array);
        s->items = mem_new(s->n * sizeof(*s->items));
    }
    s->items[index] = true;
}

static void seen_all(struct seen *to, const struct seen *from, const json_t *instance)
{
    const char *key;
    json_t *v;
    if (!to)
        return;
    json_object_foreach (from->keys, key, v)
        seen_key(to, key);
    for (size_t i = 0; i < from->n; i++)
        if (from->items[i])
            seen_item(to, instance, i);
}

/* ---- saying ------------------------------------------------------------------------------ */

static struct finding *complain(struct run *r, const struct step *step, const char *rule,
                                const char *fmt, ...) PRINTF(4, 5);

static struct finding *complain(struct run *r, const struct step *step, const char *rule,
                                const char *fmt, ...)
{
    static struct finding nobody;
    va_list ap;
    if (!r->findings || r->findings->errors >= ERRORS_MAX)
        return &nobody;
    va_start(ap, fmt);
    own(str_fini) char *text = str_vprint(fmt, ap);
    va_end(ap);
    struct finding *f = finding_add(r->findings, FINDING_ERROR, rule, r->at->text, "%s", text);
    f->keyword = step->keyword->name;
    f->schema = str_print("%s/%s", step->schema->location, step->keyword->name);
    return f;
}

static bool broken(struct run *r, const struct step *step, const char *text)
{
    if (!r->broken)
        err_set(r->err, CODE_CONFIG, "%s/%s: %s", step->schema->location, step->keyword->name,
                text);
    r->broken = true;
    return false;
}

/* The last name of the pointer, to begin a sentence with. */
static const char *name_of(const struct run *r)
{
    const char *slash = strrchr(r->at->text, '/');
    return slash ? slash + 1 : "document";
}

/* ---- applying ---------------------------------------------------------------------------- */

static bool apply(struct run *r, const struct schema *s, json_t *instance, struct seen *outer)
{
    static const struct keyword never = {.name = "false"};
    const struct step nothing = {.keyword = &never, .schema = s};
    own(seen_fini) struct seen own_seen = {0};
    struct seen *seen = outer || s->looks_back ? &own_seen : NULL;
    const struct scope scope = {s->resource, r->scope}, *before = r->scope;
    bool ok = true;
    if (r->broken)
        return false;
    if (json_is_false(s->json)) {
        complain(r, &nothing, "bad-value", "%s: not allowed here", name_of(r));
        return false;
    }
    if (++r->depth > DEPTH_MAX)
        ok = broken(r, s->n ? s->steps : &nothing, "the references run in a circle");
    if (!before || before->resource != s->resource)
        r->scope = &scope;
    for (size_t i = 0; i < s->n && !r->broken && (ok || r->findings); i++) {
        const struct step *step = &s->steps[i];
        if (step->keyword->apply && !step->keyword->apply(r, step, instance, seen))
            ok = false;
    }
    if (ok)
        seen_all(outer, &own_seen, instance);
    r->scope = before;
    r->depth--;
    return ok;
}

/* Does it pass? Says nothing. */
static bool ask(struct run *r, const struct schema *s, json_t *instance, struct seen *seen)
{
    struct findings *findings = r->findings;
    const struct schema_hook *hook = r->hook;
    r->findings = NULL;
    r->hook = NULL;
    const bool ok = apply(r, s, instance, seen);
    r->findings = findings;
    r->hook = hook;
    return ok;
}

/* The value of a member, with the pointer at it. */
static bool apply_member(struct run *r, const struct schema *s, const char *key, json_t *v,
                         struct seen *seen)
{
    const size_t up = pointer_key(r->at, key);
    const bool ok = apply(r, s, v, NULL);
    pointer_up(r->at, up);
    seen_key(seen, key);
    return ok;
}

static bool apply_item(struct run *r, const struct schema *s, const json_t *array, size_t i,
                       struct seen *seen)
{
    const size_t up = pointer_index(r->at, i);
    const bool ok = apply(r, s, json_array_get(array, i), NULL);
    pointer_up(r->at, up);
    seen_item(seen, array, i);
    return ok;
}

/* The step of another keyword of the same schema, or NULL. */
static const struct step *beside(const struct step *step, const char *name)
{
    for (size_t i = 0; i < step->schema->n; i++)
        if (strcmp(step->schema->steps[i].keyword->name, name) == 0)
            return &step->schema->steps[i];
    return NULL;
}

/* ---- any instance ------------------------------------------------------------------------ */

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
    complain(r, step, "wrong-type", "%s: expected %s, got %s", name_of(r),
             expected.bytes ? expected.bytes : "nothing", got);
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
    if (!r->findings)
        return false;
    json_array_foreach (step->value, i, item)
        if (json_is_string(item))
            strs_add(&words, json_string_value(item));
    own(str_fini) char *expected = value_list(step->value);
    own(str_fini) char *got = value_shown(v);
    struct finding *f =
        complain(r, step, "bad-value", "%s: expected %s, got %s", name_of(r), expected, got);
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
        complain(r, step, "bad-value", "%s: expected %s, got %s", name_of(r), want, got);
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
        complain(r, step, "out-of-range", "%s: expected %s %s, got %s", name_of(r), rows[i].words,
                 limit, got);
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
        complain(r, step, "out-of-range", "%s: expected a multiple of %s, got %s", name_of(r), of,
                 got);
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
    const size_t n = json_is_string(v)  ? characters(v)
                     : json_is_array(v) ? json_array_size(v)
                                        : json_object_size(v);
    const double limit = json_number_value(step->value);
    if (rows[i].maximum ? (double)n <= limit : (double)n >= limit)
        return true;
    complain(r, step, "out-of-range", "%s: expected %s %g %s%s, got %zu", name_of(r),
             rows[i].maximum ? "at most" : "at least", limit, rows[i].what, limit == 1 ? "" : "s",
             n);
    return false;
}

/* ---- strings ----------------------------------------------------------------------------- */

static bool matches(struct run *r, const struct step *step, const struct pattern *p,
                    const char *text, size_t len)
{
    struct err err = {0};
    const int rc = pattern_find(p, text, len, &err);
    if (rc < 0)
        broken(r, step, err.text);
    return rc > 0;
}

static bool kw_pattern(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    (void)seen;
    if (!json_is_string(v) ||
        matches(r, step, step->pattern, json_string_value(v), json_string_length(v)))
        return true;
    if (r->findings) {
        own(str_fini) char *got = value_shown(v);
        const char *about = json_text(step->schema->json, "description");
        complain(r, step, "bad-form", "%s: expected %s%s, got %s", name_of(r),
                 about ? "" : "what matches ", about ? about : json_string_value(step->value), got);
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
        return reading->own ? broken(r, step, "nobody here knows this format") : true;
    if (rc > 0) {
        if (r->hook && json_is_string(v))
            r->hook->formatted(r->hook->context, name, v, r->at);
        return true;
    }
    if (r->findings) {
        own(str_fini) char *got = value_shown(v);
        complain(r, step, "bad-form", "%s: %s, got %s", name_of(r), why, got);
    }
    return false;
}

/* ---- mappings ---------------------------------------------------------------------------- */

static bool kw_required(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    size_t i;
    json_t *key;
    bool ok = true;
    (void)seen;
    json_array_foreach (json_is_object(v) ? step->value : NULL, i, key) {
        if (json_object_get(v, json_string_value(key)))
            continue;
        complain(r, step, "missing-key", "%s: the key \"%s\" is missing", name_of(r),
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
            complain(r, step, "missing-key", "%s: the key \"%s\" is missing, \"%s\" needs it",
                     name_of(r), json_string_value(key), has);
            ok = false;
        }
    return ok;
}

static bool kw_properties(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    bool ok = true;
    if (!json_is_object(v))
        return true;
    for (size_t i = 0; i < step->n; i++) {
        json_t *member = json_object_get(v, step->branches[i].key);
        if (member)
            ok &= apply_member(r, step->branches[i].schema, step->branches[i].key, member, seen);
    }
    return ok;
}

static bool kw_pattern_properties(struct run *r, const struct step *step, json_t *v,
                                  struct seen *seen)
{
    const char *key;
    json_t *member;
    bool ok = true;
    json_object_foreach (json_is_object(v) ? v : NULL, key, member)
        for (size_t i = 0; i < step->n; i++)
            if (matches(r, step, step->branches[i].pattern, key, strlen(key)))
                ok &= apply_member(r, step->branches[i].schema, key, member, seen);
    return ok;
}

/* A key no schema has a place for, and which was probably meant. */
static void unknown_key(struct run *r, const struct step *step, const char *key)
{
    const struct step *properties = beside(step, "properties");
    own(strs_fini) struct strs names = {0};
    for (size_t i = 0; properties && i < properties->n; i++)
        strs_add(&names, properties->branches[i].key);
    struct finding *f = complain(r, step, "unknown-key", "unknown key \"%s\"", key);
    const char *near = names.n ? near_miss(key, (const char *const *)names.list) : NULL;
    if (near && f->text)
        finding_hint(f, "did you mean \"%s\"?", near);
}

/* A member that no other keyword has a schema for. */
static bool apply_other(struct run *r, const struct step *step, const char *key, json_t *member,
                        struct seen *seen)
{
    const struct schema *s = step->branches[0].schema;
    if (!json_is_false(s->json))
        return apply_member(r, s, key, member, seen);
    if (r->findings) {
        const size_t up = pointer_key(r->at, key);
        unknown_key(r, step, key);
        pointer_up(r->at, up);
    }
    return false;
}

static bool kw_additional(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const json_t *named = json_object_get(step->schema->json, "properties");
    const struct step *patterns = beside(step, "patternProperties");
    const char *key;
    json_t *member;
    bool ok = true;
    json_object_foreach (json_is_object(v) ? v : NULL, key, member) {
        bool known = json_object_get(named, key);
        for (size_t i = 0; patterns && !known && i < patterns->n; i++)
            known = matches(r, step, patterns->branches[i].pattern, key, strlen(key));
        if (!known)
            ok &= apply_other(r, step, key, member, seen);
    }
    return ok;
}

static bool kw_unevaluated_properties(struct run *r, const struct step *step, json_t *v,
                                      struct seen *seen)
{
    const char *key;
    json_t *member;
    bool ok = true;
    json_object_foreach (json_is_object(v) ? v : NULL, key, member)
        if (!json_object_get(seen->keys, key))
            ok &= apply_other(r, step, key, member, seen);
    return ok;
}

static bool kw_property_names(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const char *key;
    json_t *member;
    bool ok = true;
    (void)seen;
    json_object_foreach (json_is_object(v) ? v : NULL, key, member) {
        own(json_fini) json_t *name = json_string(key);
        const struct schema_hook *hook = r->hook;
        const size_t up = pointer_key(r->at, key);
        r->hook = NULL; /* a key is not rewritten */
        ok &= apply(r, step->branches[0].schema, name, NULL);
        r->hook = hook;
        pointer_up(r->at, up);
    }
    return ok;
}

static bool kw_dependent_schemas(struct run *r, const struct step *step, json_t *v,
                                 struct seen *seen)
{
    bool ok = true;
    for (size_t i = 0; i < step->n; i++)
        if (json_is_object(v) && json_object_get(v, step->branches[i].key))
            ok &= apply(r, step->branches[i].schema, v, seen);
    return ok;
}

/* ---- lists ------------------------------------------------------------------------------- */

static bool kw_prefix_items(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    bool ok = true;
    for (size_t i = 0; i < step->n && i < json_array_size(v); i++)
        ok &= apply_item(r, step->branches[i].schema, v, i, seen);
    return ok;
}

static bool kw_items(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const struct step *prefix = beside(step, "prefixItems");
    bool ok = true;
    for (size_t i = prefix ? prefix->n : 0; i < json_array_size(v); i++)
        ok &= apply_item(r, step->branches[0].schema, v, i, seen);
    return ok;
}

static bool kw_unevaluated_items(struct run *r, const struct step *step, json_t *v,
                                 struct seen *seen)
{
    bool ok = true;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (i >= seen->n || !seen->items[i])
            ok &= apply_item(r, step->branches[0].schema, v, i, seen);
    return ok;
}

static bool kw_contains(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const bool validating = step->schema->resource->vocabulary & VOCABULARY_VALIDATION;
    const json_t *least = json_object_get(step->schema->json, "minContains");
    const json_t *most = json_object_get(step->schema->json, "maxContains");
    const char *title = json_text(step->branches[0].schema->json, "title");
    const double min = least && validating ? json_number_value(least) : 1;
    size_t n = 0, i;
    json_t *item;
    if (!json_is_array(v))
        return true;
    json_array_foreach (v, i, item)
        if (ask(r, step->branches[0].schema, item, NULL)) {
            n++;
            seen_item(seen, v, i);
        }
    if ((double)n >= min && (!most || !validating || (double)n <= json_number_value(most)))
        return true;
    complain(r, step, "out-of-range", "%s: expected %s %g item%s of the form %s, got %zu",
             name_of(r), (double)n < min ? "at least" : "at most",
             (double)n < min ? min : json_number_value(most), min == 1 ? "" : "s",
             title ? title : "asked for", n);
    return false;
}

static bool kw_unique(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    size_t a, b;
    (void)seen;
    if (!json_is_true(step->value) || !json_is_array(v) || !value_twice(v, &a, &b))
        return true;
    complain(r, step, "not-unique", "%s: items %zu and %zu are the same", name_of(r), a, b);
    return false;
}

/* ---- schemas put together ---------------------------------------------------------------- */

static bool kw_all_of(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    bool ok = true;
    for (size_t i = 0; i < step->n; i++)
        ok &= apply(r, step->branches[i].schema, v, seen);
    return ok;
}

/* "a string" or the schema's own title: what would have been right. */
static char *form_of(const struct schema *s)
{
    const char *title = json_text(s->json, "title"), *type = json_text(s->json, "type");
    const json_t *value = json_object_get(s->json, "const");
    const json_t *list = json_object_get(s->json, "enum");
    if (s->n == 1 && s->steps[0].n == 1 && str_same(s->steps[0].keyword->name, "$ref") && !title)
        return form_of(s->steps[0].branches[0].schema);
    return title   ? str_new(title)
           : value ? value_brief(value)
           : list  ? value_list(list)
           : type  ? str_new(value_kind(type))
                   : str_new("another form");
}

/* How deep the shallowest of the findings stands. */
static size_t reach(const struct findings *f)
{
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < f->n; i++)
        if (f->list[i].severity == FINDING_ERROR && strlen(f->list[i].pointer) < least)
            least = strlen(f->list[i].pointer);
    return least;
}

/* None of the branches fits. The one that got further than all others was meant, and its findings
 * are told; else what would have been right. */
static void explain_none(struct run *r, const struct step *step, json_t *v)
{
    struct findings *told = r->findings, best = {0};
    own(buf_fini) struct buf forms = {0};
    size_t furthest = strlen(r->at->text); /* a branch must get beyond the instance itself */
    bool alone = false;
    const struct schema_hook *hook = r->hook;
    r->hook = NULL;
    for (size_t i = 0; i < step->n; i++) {
        struct findings mine = {0};
        own(str_fini) char *form = form_of(step->branches[i].schema);
        if (!forms.bytes || !strstr(forms.bytes, form))
            buf_print(&forms, "%s%s", i ? " or " : "", form);
        r->findings = &mine;
        apply(r, step->branches[i].schema, v, NULL);
        const size_t far = reach(&mine);
        alone = far > furthest || (alone && far < furthest);
        if (far > furthest) {
            furthest = far;
            findings_fini(&best);
            best = mine;
        } else {
            findings_fini(&mine);
        }
    }
    r->findings = told;
    r->hook = hook;
    if (alone && best.n) {
        findings_move(told, &best);
    } else {
        own(str_fini) char *got = value_shown(v);
        complain(r, step, "bad-value", "%s: expected %s, got %s", name_of(r), forms.bytes, got);
    }
    findings_fini(&best);
}

static bool kw_any_of(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    bool ok = false;
    for (size_t i = 0; i < step->n && (!ok || seen); i++)
        ok |= ask(r, step->branches[i].schema, v, seen);
    if (!ok && r->findings && !r->broken)
        explain_none(r, step, v);
    return ok;
}

static bool kw_one_of(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    size_t fit[2], n = 0;
    for (size_t i = 0; i < step->n && n < 2; i++)
        if (ask(r, step->branches[i].schema, v, n ? NULL : seen))
            fit[n++] = i;
    if (n == 1)
        return true;
    if (!r->findings || r->broken)
        return false;
    if (n == 0) {
        explain_none(r, step, v);
        return false;
    }
    own(str_fini) char *a = form_of(step->branches[fit[0]].schema);
    own(str_fini) char *b = form_of(step->branches[fit[1]].schema);
    complain(r, step, "bad-value", "%s: fits two forms, expected one alone: %s (%zu) and %s (%zu)",
             name_of(r), a, fit[0] + 1, b, fit[1] + 1);
    return false;
}

static bool kw_not(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    (void)seen;
    if (!ask(r, step->branches[0].schema, v, NULL))
        return !r->broken;
    if (r->findings) {
        own(str_fini) char *form = form_of(step->branches[0].schema);
        complain(r, step, "bad-value", "%s: %s is not allowed here", name_of(r),
                 str_same(form, "another form") ? "this form" : form);
    }
    return false;
}

static bool kw_if(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const struct step *then =
        beside(step, ask(r, step->branches[0].schema, v, seen) ? "then" : "else");
    return !then || apply(r, then->branches[0].schema, v, seen);
}

static bool kw_ref(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    return apply(r, step->branches[0].schema, v, seen);
}

/* The outermost resource on the way here that has the anchor decides. */
static bool kw_dynamic_ref(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const struct schema *target = step->branches[0].schema;
    for (const struct scope *s = step->dynamic ? r->scope : NULL; s; s = s->outer) {
        const struct anchor *anchor = anchor_find(s->resource, step->dynamic);
        if (anchor && anchor->dynamic)
            target = anchor->schema;
    }
    return apply(r, target, v, seen);
}

/* ---- the table --------------------------------------------------------------------------- */

#define CORE VOCABULARY_CORE
#define APPLICATOR VOCABULARY_APPLICATOR
#define UNEVALUATED VOCABULARY_UNEVALUATED
#define VALIDATION VOCABULARY_VALIDATION
#define METADATA VOCABULARY_METADATA
#define CONTENT VOCABULARY_CONTENT
#define FORMAT VOCABULARY_FORMAT

/* In the order of strcmp. What schema.c reads by itself has no function. */
static const struct keyword keywords[] = {
    {"$anchor", CORE, OPERAND_STRING, NULL, false},
    {"$comment", CORE, OPERAND_STRING, NULL, false},
    {"$defs", CORE, OPERAND_SCHEMA_MAP, NULL, false},
    {"$dynamicAnchor", CORE, OPERAND_STRING, NULL, false},
    {"$dynamicRef", CORE, OPERAND_REFERENCE, kw_dynamic_ref, false},
    {"$id", CORE, OPERAND_STRING, NULL, false},
    {"$ref", CORE, OPERAND_REFERENCE, kw_ref, false},
    {"$schema", CORE, OPERAND_STRING, NULL, false},
    {"$vocabulary", CORE, OPERAND_MAPPING, NULL, false},
    {"additionalProperties", APPLICATOR, OPERAND_SCHEMA, kw_additional, false},
    {"allOf", APPLICATOR, OPERAND_SCHEMAS, kw_all_of, false},
    {"anyOf", APPLICATOR, OPERAND_SCHEMAS, kw_any_of, false},
    {"const", VALIDATION, OPERAND_ANY, kw_const, false},
    {"contains", APPLICATOR, OPERAND_SCHEMA, kw_contains, false},
    {"contentEncoding", CONTENT, OPERAND_STRING, NULL, false},
    {"contentMediaType", CONTENT, OPERAND_STRING, NULL, false},
    {"contentSchema", CONTENT, OPERAND_SCHEMA, NULL, false},
    {"default", METADATA, OPERAND_ANY, NULL, false},
    {"dependentRequired", VALIDATION, OPERAND_NAMES_MAP, kw_dependent_required, false},
    {"dependentSchemas", APPLICATOR, OPERAND_SCHEMA_MAP, kw_dependent_schemas, false},
    {"deprecated", METADATA, OPERAND_BOOLEAN, NULL, false},
    {"description", METADATA, OPERAND_STRING, NULL, false},
    {"else", APPLICATOR, OPERAND_SCHEMA, NULL, false},
    {"enum", VALIDATION, OPERAND_LIST, kw_enum, false},
    {"examples", METADATA, OPERAND_LIST, NULL, false},
    {"exclusiveMaximum", VALIDATION, OPERAND_NUMBER, kw_range, false},
    {"exclusiveMinimum", VALIDATION, OPERAND_NUMBER, kw_range, false},
    {"format", FORMAT, OPERAND_STRING, kw_format, false},
    {"if", APPLICATOR, OPERAND_SCHEMA, kw_if, false},
    {"items", APPLICATOR, OPERAND_SCHEMA, kw_items, false},
    {"maxContains", VALIDATION, OPERAND_COUNT, NULL, false},
    {"maxItems", VALIDATION, OPERAND_COUNT, kw_count, false},
    {"maxLength", VALIDATION, OPERAND_COUNT, kw_count, false},
    {"maxProperties", VALIDATION, OPERAND_COUNT, kw_count, false},
    {"maximum", VALIDATION, OPERAND_NUMBER, kw_range, false},
    {"minContains", VALIDATION, OPERAND_COUNT, NULL, false},
    {"minItems", VALIDATION, OPERAND_COUNT, kw_count, false},
    {"minLength", VALIDATION, OPERAND_COUNT, kw_count, false},
    {"minProperties", VALIDATION, OPERAND_COUNT, kw_count, false},
    {"minimum", VALIDATION, OPERAND_NUMBER, kw_range, false},
    {"multipleOf", VALIDATION, OPERAND_STEP, kw_multiple, false},
    {"not", APPLICATOR, OPERAND_SCHEMA, kw_not, false},
    {"oneOf", APPLICATOR, OPERAND_SCHEMAS, kw_one_of, false},
    {"pattern", VALIDATION, OPERAND_PATTERN, kw_pattern, false},
    {"patternProperties", APPLICATOR, OPERAND_PATTERN_MAP, kw_pattern_properties, false},
    {"prefixItems", APPLICATOR, OPERAND_SCHEMAS, kw_prefix_items, false},
    {"properties", APPLICATOR, OPERAND_SCHEMA_MAP, kw_properties, false},
    {"propertyNames", APPLICATOR, OPERAND_SCHEMA, kw_property_names, false},
    {"readOnly", METADATA, OPERAND_BOOLEAN, NULL, false},
    {"required", VALIDATION, OPERAND_NAMES, kw_required, false},
    {"then", APPLICATOR, OPERAND_SCHEMA, NULL, false},
    {"title", METADATA, OPERAND_STRING, NULL, false},
    {"type", VALIDATION, OPERAND_TYPES, kw_type, false},
    {"unevaluatedItems", UNEVALUATED, OPERAND_SCHEMA, kw_unevaluated_items, true},
    {"unevaluatedProperties", UNEVALUATED, OPERAND_SCHEMA, kw_unevaluated_properties, true},
    {"uniqueItems", VALIDATION, OPERAND_BOOLEAN, kw_unique, false},
    {"writeOnly", METADATA, OPERAND_BOOLEAN, NULL, false},
};

static int by_name(const void *name, const void *row)
{
    return strcmp(name, ((const struct keyword *)row)->name);
}

const struct keyword *keyword_find(const char *name)
{
    return bsearch(name, keywords, COUNT(keywords), sizeof(*keywords), by_name);
}

const struct keyword *keyword_rows(size_t *n)
{
    *n = COUNT(keywords);
    return keywords;
}

int schema_check(const struct schema *schema, json_t *instance, struct pointer *at,
                 struct findings *findings, const struct schema_hook *hook, struct err *err)
{
    struct run r = {.at = at, .findings = findings, .hook = hook, .err = err};
    const bool ok = apply(&r, schema, instance, NULL);
    return r.broken ? -1 : ok;
}
