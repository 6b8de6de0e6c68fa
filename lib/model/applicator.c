/* The keywords that apply schemas to parts of a value, or several to the same one: the vocabularies
 * applicator and unevaluated. */
#include "model/keyword.h"
#include "model/value.h"
#include "text/buf.h"

/* ---- mappings ---------------------------------------------------------------------------- */

/* The schema at a key; schemas have few, so looking at each is quicker than a hash. */
static const struct branch *branch_called(const struct step *step, const char *key)
{
    for (size_t i = 0; step && i < step->n; i++)
        if (strcmp(step->branches[i].key, key) == 0)
            return &step->branches[i];
    return NULL;
}

static bool kw_properties(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const char *key;
    json_t *member;
    bool ok = true;
    json_object_foreach (json_is_object(v) ? v : NULL, key, member) {
        const struct branch *branch = branch_called(step, key);
        if (branch)
            ok &= keyword_member(r, branch->schema, key, member, seen);
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
            if (keyword_matches(r, step, step->branches[i].pattern, key, strlen(key)))
                ok &= keyword_member(r, step->branches[i].schema, key, member, seen);
    return ok;
}

/* A key no schema has a place for, and which was probably meant. */
static void unknown_key(struct run *r, const struct step *step, const char *key)
{
    const struct step *properties = step->schema->properties;
    own(strs_fini) struct strs names = {0};
    for (size_t i = 0; properties && i < properties->n; i++)
        strs_add(&names, properties->branches[i].key);
    struct finding *f = keyword_complain(r, step, "unknown-key", "unknown key \"%s\"", key);
    const char *near = names.n ? near_miss(key, (const char *const *)names.list) : NULL;
    if (!f->text || names.n == 0)
        return;
    if (near) {
        finding_hint(f, "did you mean \"%s\"?", near);
        return;
    }
    own(buf_fini) struct buf known = {0};
    for (size_t i = 0; i < names.n; i++)
        buf_print(&known, "%s%s", i ? ", " : "", names.list[i]);
    finding_hint(f, "known here: %s", known.bytes);
}

/* A member that no other keyword has a schema for. */
static bool apply_other(struct run *r, const struct step *step, const char *key, json_t *member,
                        struct seen *seen)
{
    const struct schema *s = step->branches[0].schema;
    if (!json_is_false(s->json))
        return keyword_member(r, s, key, member, seen);
    if (r->findings) {
        const size_t up = pointer_key(r->at, key);
        unknown_key(r, step, key);
        pointer_up(r->at, up);
    }
    return false;
}

static bool kw_additional(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const struct step *patterns = step->schema->patterns;
    const char *key;
    json_t *member;
    bool ok = true;
    json_object_foreach (json_is_object(v) ? v : NULL, key, member) {
        bool known = branch_called(step->schema->properties, key);
        for (size_t i = 0; patterns && !known && i < patterns->n; i++)
            known = keyword_matches(r, step, patterns->branches[i].pattern, key, strlen(key));
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
        ok &= keyword_apply(r, step->branches[0].schema, name, NULL);
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
            ok &= keyword_apply(r, step->branches[i].schema, v, seen);
    return ok;
}

/* ---- lists ------------------------------------------------------------------------------- */

static bool kw_prefix_items(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    bool ok = true;
    for (size_t i = 0; i < step->n && i < json_array_size(v); i++)
        ok &= keyword_item(r, step->branches[i].schema, v, i, seen);
    return ok;
}

static bool kw_items(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const struct step *prefix = step->schema->prefix;
    bool ok = true;
    for (size_t i = prefix ? prefix->n : 0; i < json_array_size(v); i++)
        ok &= keyword_item(r, step->branches[0].schema, v, i, seen);
    return ok;
}

static bool kw_unevaluated_items(struct run *r, const struct step *step, json_t *v,
                                 struct seen *seen)
{
    bool ok = true;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (i >= seen->n || !seen->items[i])
            ok &= keyword_item(r, step->branches[0].schema, v, i, seen);
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
        if (keyword_ask(r, step->branches[0].schema, item, NULL)) {
            n++;
            keyword_seen_item(seen, v, i);
        }
    if ((double)n >= min && (!most || !validating || (double)n <= json_number_value(most)))
        return true;
    keyword_complain(r, step, "out-of-range", "%s: expected %s %g item%s of the form %s, got %zu",
                     keyword_about(r), (double)n < min ? "at least" : "at most",
                     (double)n < min ? min : json_number_value(most), min == 1 ? "" : "s",
                     title ? title : "asked for", n);
    return false;
}

/* ---- schemas put together ---------------------------------------------------------------- */

static bool kw_all_of(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    bool ok = true;
    for (size_t i = 0; i < step->n; i++)
        ok &= keyword_apply(r, step->branches[i].schema, v, seen);
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

static size_t steps_of(const char *pointer)
{
    size_t n = 0;
    for (; *pointer; pointer++)
        n += *pointer == '/';
    return n;
}

/* How far a form got before it failed, from 0: not at all, the value is of another sort. One whose
 * const or enum fails was probably not meant. */
static size_t reach(const struct findings *f, size_t root)
{
    size_t least = SIZE_MAX / 4;
    bool other = false;
    for (size_t i = 0; i < f->n; i++) {
        const struct finding *one = &f->list[i];
        const size_t steps = steps_of(one->pointer);
        const bool named = str_same(one->keyword, "const") || str_same(one->keyword, "enum");
        if (steps <= root && (named || str_same(one->keyword, "type")))
            return 0;
        least = steps < least ? steps : least;
        other |= named;
    }
    return 2 * (least - root) + !other + 1;
}

/* "a string or a list", each once. */
static char *forms_of(const struct step *step)
{
    own(strs_fini) struct strs forms = {0};
    struct buf b = {0};
    for (size_t i = 0; i < step->n; i++) {
        own(str_fini) char *form = form_of(step->branches[i].schema);
        bool told = false;
        for (size_t k = 0; k < forms.n; k++)
            told |= str_same(forms.list[k], form);
        if (told)
            continue;
        buf_print(&b, "%s%s", forms.n ? " or " : "", form);
        strs_add(&forms, form);
    }
    return buf_take(&b);
}

/* None of the branches fits. The one that got further than all others was meant, and its findings
 * are told; else what would have been right. */
static void explain_none(struct run *r, const struct step *step, json_t *v)
{
    struct findings *told = r->findings, best = {0};
    const struct schema_hook *hook = r->hook;
    const size_t root = steps_of(r->at->text);
    size_t furthest = 0;
    bool alone = false;
    r->hook = NULL;
    for (size_t i = 0; i < step->n; i++) {
        struct findings mine = {0};
        r->findings = &mine;
        keyword_apply(r, step->branches[i].schema, v, NULL);
        const size_t far = reach(&mine, root);
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
        own(str_fini) char *forms = forms_of(step);
        own(str_fini) char *got = value_shown(v);
        keyword_complain(r, step, "bad-value", "%s: expected %s, got %s", keyword_about(r), forms,
                         got);
    }
    findings_fini(&best);
}

/* The form that fits, once more, for what has a format in it. */
static void tell_formats(struct run *r, const struct schema *form, json_t *v)
{
    if (r->hook)
        keyword_apply(r, form, v, NULL);
}

static bool kw_any_of(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const struct schema *fit = NULL;
    for (size_t i = 0; i < step->n && (!fit || seen); i++)
        if (keyword_ask(r, step->branches[i].schema, v, seen) && !fit)
            fit = step->branches[i].schema;
    if (fit)
        tell_formats(r, fit, v);
    else if (r->findings && !r->broken)
        explain_none(r, step, v);
    return fit;
}

static bool kw_one_of(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    size_t fit[2], n = 0;
    for (size_t i = 0; i < step->n && n < 2; i++)
        if (keyword_ask(r, step->branches[i].schema, v, n ? NULL : seen))
            fit[n++] = i;
    if (n == 1) {
        tell_formats(r, step->branches[fit[0]].schema, v);
        return true;
    }
    if (!r->findings || r->broken)
        return false;
    if (n == 0) {
        explain_none(r, step, v);
        return false;
    }
    own(str_fini) char *a = form_of(step->branches[fit[0]].schema);
    own(str_fini) char *b = form_of(step->branches[fit[1]].schema);
    keyword_complain(r, step, "bad-value", "%s: fits forms %zu and %zu, expected one alone: %s, %s",
                     keyword_about(r), fit[0] + 1, fit[1] + 1, a, b);
    return false;
}

static bool kw_not(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    (void)seen;
    if (!keyword_ask(r, step->branches[0].schema, v, NULL))
        return !r->broken;
    if (r->findings) {
        own(str_fini) char *form = form_of(step->branches[0].schema);
        keyword_complain(r, step, "bad-value", "%s: %s is not allowed here", keyword_about(r),
                         str_same(form, "another form") ? "this form" : form);
    }
    return false;
}

static bool kw_if(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    const struct step *then =
        keyword_beside(step, keyword_ask(r, step->branches[0].schema, v, seen) ? "then" : "else");
    return !then || keyword_apply(r, then->branches[0].schema, v, seen);
}

/* In the order of strcmp. */
static const struct keyword rows[] = {
    {"additionalProperties", VOCABULARY_APPLICATOR, OPERAND_SCHEMA, kw_additional, false},
    {"allOf", VOCABULARY_APPLICATOR, OPERAND_SCHEMAS, kw_all_of, false},
    {"anyOf", VOCABULARY_APPLICATOR, OPERAND_SCHEMAS, kw_any_of, false},
    {"contains", VOCABULARY_APPLICATOR, OPERAND_SCHEMA, kw_contains, false},
    {"dependentSchemas", VOCABULARY_APPLICATOR, OPERAND_SCHEMA_MAP, kw_dependent_schemas, false},
    {"else", VOCABULARY_APPLICATOR, OPERAND_SCHEMA, NULL, false},
    {"if", VOCABULARY_APPLICATOR, OPERAND_SCHEMA, kw_if, false},
    {"items", VOCABULARY_APPLICATOR, OPERAND_SCHEMA, kw_items, false},
    {"not", VOCABULARY_APPLICATOR, OPERAND_SCHEMA, kw_not, false},
    {"oneOf", VOCABULARY_APPLICATOR, OPERAND_SCHEMAS, kw_one_of, false},
    {"patternProperties", VOCABULARY_APPLICATOR, OPERAND_PATTERN_MAP, kw_pattern_properties, false},
    {"prefixItems", VOCABULARY_APPLICATOR, OPERAND_SCHEMAS, kw_prefix_items, false},
    {"properties", VOCABULARY_APPLICATOR, OPERAND_SCHEMA_MAP, kw_properties, false},
    {"propertyNames", VOCABULARY_APPLICATOR, OPERAND_SCHEMA, kw_property_names, false},
    {"then", VOCABULARY_APPLICATOR, OPERAND_SCHEMA, NULL, false},
    {"unevaluatedItems", VOCABULARY_UNEVALUATED, OPERAND_SCHEMA, kw_unevaluated_items, true},
    {"unevaluatedProperties", VOCABULARY_UNEVALUATED, OPERAND_SCHEMA, kw_unevaluated_properties,
     true},
};
const struct vocabulary applicator_rows = {rows, COUNT(rows)};
