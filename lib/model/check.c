#include "model/check.h"
#include "model/broker.h"
#include "text/buf.h"

static const struct {
    const char *name, *schema;
    const char *key; /* a document with this key is of this kind */
    void (*canon)(const struct model *m, json_t *doc, struct moves *moves,
                  struct findings *findings);
    void (*rules)(const struct model *m, json_t *doc, struct findings *findings);
} kinds[] = {
    [KIND_TASK] = {"task", "task.json", NULL, canon_task, rules_task},
    [KIND_OFFER] = {"offer", "offer.json", NULL, canon_offer, NULL},
    [KIND_ANSWER] = {"answer", "answer.json", "offers", canon_answer, NULL},
    [KIND_JOB] = {"job", "job.json", "phase", NULL, NULL},
    [KIND_PLATFORM] = {"platform", "platform.json", "driver", canon_platform, rules_platform},
    [KIND_CONFIGURATION] = {"configuration", "configuration.json", "execdm", NULL,
                            rules_configuration},
    [KIND_LOCATOR] = {"data-locator", "data-locator.json", NULL, NULL, NULL},
    [KIND_MANIFEST] = {"manifest", "manifest.json", NULL, NULL, NULL},
    [KIND_STAGE_REPORT] = {"stage-report", "stage-report.json", NULL, NULL, NULL},
    [KIND_DRIVER] = {"driver", "driver.json", NULL, NULL, NULL},
    [KIND_FINDING] = {"finding", "finding.json", NULL, NULL, NULL},
    [KIND_REPORT] = {"report", "report.json", NULL, NULL, NULL},
};

enum kind kind_of(const json_t *doc)
{
    /* From the last one on: a platform has `offers`, too. */
    for (size_t i = COUNT(kinds); i-- > 0;)
        if (kinds[i].key && json_object_get(doc, kinds[i].key))
            return (enum kind)i;
    return KIND_TASK;
}

int kind_parse(const char *name, enum kind *kind)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!str_same(kinds[i].name, name))
            continue;
        *kind = (enum kind)i;
        return 0;
    }
    return -1;
}

const char *kind_name(enum kind kind)
{
    return kinds[kind].name;
}

const char *kind_key(enum kind kind)
{
    return kinds[kind].key;
}

char *kind_list(void)
{
    struct buf b = {0};
    for (size_t i = 0; i < COUNT(kinds); i++)
        buf_print(&b, "%s%s", i == 0 ? "" : i + 1 == COUNT(kinds) ? " or " : ", ", kinds[i].name);
    return buf_take(&b);
}

bool typed_foreign(const struct model *m, const json_t *item)
{
    const char *type = json_text(item, "type");
    return type && !type_uri(m, type);
}

bool typed_own(const struct model *m, const json_t *item)
{
    const char *type = json_text(item, "type");
    const json_t *row = json_object_get(m->types, type);
    return !type || (row && !json_is_true(json_object_get(row, "site")));
}

static void visit_list(const struct model *m, json_t *list, const char *area, struct pointer *at,
                       typed_visit *visit, void *context)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        size_t up = pointer_index(at, i);
        visit(context, item, area, at);
        json_t *extras = json_object_get(json_object_get(item, "spec"), "extras");
        if (str_same(area, "compute") && extras && type_uri(m, json_text(item, "type"))) {
            pointer_key(at, "spec");
            pointer_key(at, "extras");
            visit_list(m, extras, "extra", at, visit, context);
        }
        pointer_up(at, up);
    }
}

void typed_each(const struct model *m, json_t *doc, typed_visit *visit, void *context)
{
    static const struct {
        const char *section, *key, *area;
    } places[] = {
        {"resources", "compute", "compute"},        {"resources", "storage", "storage"},
        {NULL, "authentication", "authentication"}, {NULL, "triggers", "webservice"},
        {NULL, "callouts", "webservice"},
    };
    struct pointer at = {0};
    json_t *executable = json_object_get(doc, "executable");
    if (executable) {
        size_t up = pointer_key(&at, "executable");
        visit(context, executable, "executable", &at);
        pointer_up(&at, up);
    }
    for (size_t i = 0; i < COUNT(places); i++) {
        const json_t *from = places[i].section ? json_object_get(doc, places[i].section) : doc;
        json_t *list = json_object_get(from, places[i].key);
        size_t up = at.len;
        if (!list)
            continue;
        if (places[i].section)
            pointer_key(&at, places[i].section);
        pointer_key(&at, places[i].key);
        visit_list(m, list, places[i].area, &at, visit, context);
        pointer_up(&at, up);
    }
}

/* What a check of one document goes along with. */
struct check_context {
    struct model *model;
    struct canon canon;
    struct findings *findings;
    struct err *err;
    bool failed;
};

/* Applies a schema, and the canonical form of what has a format. */
static void apply(struct check_context *c, const struct schema *schema, json_t *v,
                  struct pointer *at)
{
    const struct schema_hook hook = {canon_format, &c->canon};
    if (!schema || schema_check(schema, v, at, c->findings, &hook, c->err) < 0)
        c->failed = true;
}

/* The spec of a known type goes by that type's own schema, so that a finding speaks of it. */
static void check_type(void *context, json_t *item, const char *area, struct pointer *at)
{
    struct check_context *c = context;
    const char *type = json_text(item, "type");
    json_t *spec = json_object_get(item, "spec");
    if (!type || c->failed || (spec && !json_is_object(spec))) /* the last was said before */
        return;
    if (!type_uri(c->model, type)) {
        struct finding *f = finding_add(c->findings, FINDING_NOTICE, "unknown-type", at->text,
                                        "the type \"%s\" is not known here", type);
        const char *meant = type_called(c->model, type);
        if (meant)
            finding_hint(f, "did you mean %s?", meant);
        else
            finding_hint(f, "only a platform that knows it can say YES (Planner 2.1)");
        return;
    }
    const char *belongs = type_area(c->model, type);
    if (!str_same(belongs, area)) {
        finding_add(c->findings, FINDING_ERROR, "wrong-type-here", at->text,
                    "\"%s\" is a type of %s, expected a type of %s", type_short(type), belongs,
                    area);
        return;
    }
    own(json_fini) json_t *empty = json_object();
    const size_t up = pointer_key(at, "spec");
    apply(c, type_schema(c->model, type, c->err), spec ? spec : empty, at);
    pointer_up(at, up);
}

void moves_add(struct moves *moves, const char *to, const char *from)
{
    if (!moves->last)
        moves->last = json_object();
    const size_t before = (size_t)json_int(moves->last, to, 0);
    moves->list = mem_grow(moves->list, moves->n + 1, sizeof(*moves->list));
    moves->list[moves->n++] = (struct move_row){str_new(from), before};
    json_object_set_new_nocheck(moves->last, to, json_integer((json_int_t)moves->n));
}

/* One more than the index of the last of the first `n` moves that is of this place or of what it
 * lies in, with the length of that; 0: none. */
static size_t move_of(const struct moves *moves, size_t n, const char *pointer, size_t *len)
{
    own(str_fini) char *place = str_new(pointer);
    size_t found = 0;
    for (char *end = place + strlen(place); end; end = strrchr(place, '/')) {
        *end = '\0';
        size_t k = (size_t)json_int(moves->last, place, 0);
        while (k > n)
            k = moves->list[k - 1].before;
        if (k <= found)
            continue;
        found = k;
        *len = (size_t)(end - place);
    }
    return found;
}

char *moves_origin(const struct moves *moves, const char *pointer)
{
    char *origin = str_new(pointer);
    size_t len = 0;
    for (size_t k = moves->n; (k = move_of(moves, k, origin, &len)) > 0; k--) {
        char *better = str_print("%s%s", moves->list[k - 1].from, origin + len);
        free(origin);
        origin = better;
    }
    return origin;
}

void moves_fini(struct moves *moves)
{
    for (size_t i = 0; i < moves->n; i++)
        free(moves->list[i].from);
    free(moves->list);
    json_decref(moves->last);
    *moves = (struct moves){0};
}

/* Findings speak of the document as written. */
static void original_pointers(struct findings *findings, const struct moves *moves)
{
    for (size_t i = 0; moves->n && i < findings->n; i++) {
        char *origin = moves_origin(moves, findings->list[i].pointer);
        free(findings->list[i].pointer);
        findings->list[i].pointer = origin;
    }
}

static bool holds_nul(const json_t *v)
{
    return json_is_string(v) && memchr(json_string_value(v), '\0', json_string_length(v));
}

/* A NUL ends a string for every program there is, so it would be cut off silently. */
static void find_nul(json_t *v, struct pointer *at, struct findings *findings)
{
    const char *key;
    json_t *item;
    size_t i;
    if (holds_nul(v))
        finding_add(findings, FINDING_ERROR, "nul-character", at->text,
                    "the string holds a NUL character, which no program can take");
    json_object_foreach (v, key, item) {
        size_t up = pointer_key(at, key);
        find_nul(item, at, findings);
        pointer_up(at, up);
    }
    json_array_foreach (v, i, item) {
        size_t up = pointer_index(at, i);
        find_nul(item, at, findings);
        pointer_up(at, up);
    }
}

static int check_body(struct check_context *c, enum kind kind, json_t *doc)
{
    struct pointer at = {0};
    if (json_any(doc, holds_nul))
        find_nul(doc, &at, c->findings);
    apply(c, model_schema(c->model, kinds[kind].schema, c->err), doc, &at);
    if (c->failed)
        return -1;
    if (kind == KIND_TASK)
        typed_each(c->model, doc, check_type, c);
    if (c->failed)
        return -1;
    /* The rules read what the schemas have promised. */
    if (c->findings->errors == 0 && kinds[kind].rules)
        kinds[kind].rules(c->model, doc, c->findings);
    return 0;
}

int check_document(struct model *m, enum kind kind, json_t *doc, const char *base,
                   struct findings *findings, struct err *err)
{
    struct check_context c = {m, {base, findings, NULL}, findings, err, false};
    own(moves_fini) struct moves moves = {0};
    bool readable = !broker_is(doc) || broker_import(kind, doc, &moves, findings);
    if (readable && kinds[kind].canon)
        kinds[kind].canon(m, doc, &moves, findings);
    int rc = readable ? check_body(&c, kind, doc) : 0;
    original_pointers(findings, &moves);
    return rc;
}
