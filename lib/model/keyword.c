/* Applying schemas: the walk, what it says, and the keywords of the core. */
#include "model/keyword.h"

#define DEPTH_MAX 100 /* schemas inside each other while one is applied to one value */
#define EFFORT_MAX 30000000
#define ERRORS_MAX 1000 /* of one document: who has that many wants no more */

/* The resources entered on the way here, for $dynamicRef. */
struct scope {
    const struct resource *resource;
    const struct scope *outer;
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

void keyword_seen_item(struct seen *s, const json_t *array, size_t index)
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
            keyword_seen_item(to, instance, i);
}

/* ---- saying ------------------------------------------------------------------------------ */

struct finding *keyword_complain(struct run *r, const struct step *step, const char *rule,
                                 const char *fmt, ...)
{
    static struct finding nobody;
    va_list ap;
    if (!r->findings || r->findings->errors >= ERRORS_MAX)
        return &nobody;
    va_start(ap, fmt);
    own(str_fini) char *text = str_vprint(fmt, ap);
    va_end(ap);
    const struct finding *last = r->findings->n ? &r->findings->list[r->findings->n - 1] : NULL;
    if (last && str_same(last->pointer, r->at->text) && str_same(last->text, text))
        return &nobody; /* several schemas may say the same */
    struct finding *f = finding_add(r->findings, FINDING_ERROR, rule, r->at->text, "%s", text);
    f->keyword = step->keyword->name;
    own(str_fini) char *location = schema_location(step->schema);
    f->schema = str_print("%s/%s", location, step->keyword->name);
    if (r->findings->errors == ERRORS_MAX) {
        finding_hint(f, "this is error %d of this document, no more are told", ERRORS_MAX);
        r->findings = NULL; /* nothing more need be found */
        return &nobody;
    }
    return f;
}

bool keyword_broken(struct run *r, const struct step *step, const char *text)
{
    own(str_fini) char *location = schema_location(step->schema);
    if (!r->broken)
        err_set(r->err, CODE_CONFIG, "%s/%s: %s", location, step->keyword->name, text);
    r->broken = true;
    return false;
}

const char *keyword_about(const struct run *r)
{
    return pointer_last(r->at->text);
}

/* ---- applying ---------------------------------------------------------------------------- */

void keyword_effort(struct run *r, const struct step *step, size_t n)
{
    r->effort += n;
    if (r->effort > EFFORT_MAX)
        keyword_broken(r, step, "it takes too long to apply; its alternatives multiply");
}

/* The reference of a schema, to name it. */
static const struct step *reference_in(const struct schema *s, const struct step *otherwise)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->steps[i].keyword->operand == OPERAND_REFERENCE)
            return &s->steps[i];
    return s->n ? s->steps : otherwise;
}

bool keyword_apply(struct run *r, const struct schema *s, json_t *instance, struct seen *outer)
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
        keyword_complain(r, &nothing, "bad-value", "%s: not allowed here", keyword_about(r));
        return false;
    }
    if (++r->depth > DEPTH_MAX)
        ok = keyword_broken(r, reference_in(s, &nothing), "the references run in a circle");
    keyword_effort(r, s->n ? s->steps : &nothing, 1);
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
bool keyword_ask(struct run *r, const struct schema *s, json_t *instance, struct seen *seen)
{
    struct findings *findings = r->findings;
    const struct schema_hook *hook = r->hook;
    r->findings = NULL;
    r->hook = NULL;
    const bool ok = keyword_apply(r, s, instance, seen);
    r->findings = findings;
    r->hook = hook;
    return ok;
}

/* The value of a member, with the pointer at it. */
bool keyword_member(struct run *r, const struct schema *s, const char *key, json_t *v,
                    struct seen *seen)
{
    const size_t up = pointer_key(r->at, key);
    const int depth = r->depth;
    r->depth = 0;
    const bool ok = keyword_apply(r, s, v, NULL);
    r->depth = depth;
    pointer_up(r->at, up);
    seen_key(seen, key);
    return ok;
}

bool keyword_item(struct run *r, const struct schema *s, const json_t *array, size_t i,
                  struct seen *seen)
{
    const size_t up = pointer_index(r->at, i);
    const int depth = r->depth;
    r->depth = 0;
    const bool ok = keyword_apply(r, s, json_array_get(array, i), NULL);
    r->depth = depth;
    pointer_up(r->at, up);
    keyword_seen_item(seen, array, i);
    return ok;
}

/* The step of another keyword of the same schema, or NULL. */
const struct step *keyword_beside(const struct step *step, const char *name)
{
    for (size_t i = 0; i < step->schema->n; i++)
        if (strcmp(step->schema->steps[i].keyword->name, name) == 0)
            return &step->schema->steps[i];
    return NULL;
}

bool keyword_matches(struct run *r, const struct step *step, const struct pattern *p,
                     const char *text, size_t len)
{
    struct err err = {0};
    const int rc = pattern_find(p, text, len, &err);
    if (rc < 0)
        keyword_broken(r, step, err.text);
    return rc > 0;
}

/* ---- the keywords of the core ------------------------------------------------------------- */

static bool kw_ref(struct run *r, const struct step *step, json_t *v, struct seen *seen)
{
    return keyword_apply(r, step->branches[0].schema, v, seen);
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
    return keyword_apply(r, target, v, seen);
}

/* In the order of strcmp. What schema.c reads by itself, or nobody, has no function. */
static const struct keyword rows[] = {
    {"$anchor", VOCABULARY_CORE, OPERAND_STRING, NULL, false},
    {"$comment", VOCABULARY_CORE, OPERAND_STRING, NULL, false},
    {"$defs", VOCABULARY_CORE, OPERAND_SCHEMA_MAP, NULL, false},
    {"$dynamicAnchor", VOCABULARY_CORE, OPERAND_STRING, NULL, false},
    {"$dynamicRef", VOCABULARY_CORE, OPERAND_REFERENCE, kw_dynamic_ref, false},
    {"$id", VOCABULARY_CORE, OPERAND_STRING, NULL, false},
    {"$ref", VOCABULARY_CORE, OPERAND_REFERENCE, kw_ref, false},
    {"$schema", VOCABULARY_CORE, OPERAND_STRING, NULL, false},
    {"$vocabulary", VOCABULARY_CORE, OPERAND_MAPPING, NULL, false},
    {"contentEncoding", VOCABULARY_CONTENT, OPERAND_STRING, NULL, false},
    {"contentMediaType", VOCABULARY_CONTENT, OPERAND_STRING, NULL, false},
    {"contentSchema", VOCABULARY_CONTENT, OPERAND_SCHEMA, NULL, false},
    {"default", VOCABULARY_METADATA, OPERAND_ANY, NULL, false},
    {"deprecated", VOCABULARY_METADATA, OPERAND_BOOLEAN, NULL, false},
    {"description", VOCABULARY_METADATA, OPERAND_STRING, NULL, false},
    {"examples", VOCABULARY_METADATA, OPERAND_LIST, NULL, false},
    {"readOnly", VOCABULARY_METADATA, OPERAND_BOOLEAN, NULL, false},
    {"title", VOCABULARY_METADATA, OPERAND_STRING, NULL, false},
    {"writeOnly", VOCABULARY_METADATA, OPERAND_BOOLEAN, NULL, false},
};
static const struct vocabulary core_rows = {rows, COUNT(rows)};

static const struct vocabulary *const vocabularies[] = {&core_rows, &assertion_rows,
                                                        &applicator_rows};

static int by_name(const void *name, const void *row)
{
    return strcmp(name, ((const struct keyword *)row)->name);
}

const struct keyword *keyword_find(const char *name)
{
    const struct keyword *found = NULL;
    for (size_t i = 0; i < COUNT(vocabularies) && !found; i++)
        found = bsearch(name, vocabularies[i]->rows, vocabularies[i]->n, sizeof(*found), by_name);
    return found;
}

void keyword_names(struct strs *names)
{
    for (size_t i = 0; i < COUNT(vocabularies); i++)
        for (size_t k = 0; k < vocabularies[i]->n; k++)
            strs_add(names, vocabularies[i]->rows[k].name);
}

int schema_check(const struct schema *schema, json_t *instance, struct pointer *at,
                 struct findings *findings, const struct schema_hook *hook, struct err *err)
{
    struct run r = {.at = at, .findings = findings, .hook = hook, .err = err};
    const bool ok = keyword_apply(&r, schema, instance, NULL);
    return r.broken ? -1 : ok;
}
