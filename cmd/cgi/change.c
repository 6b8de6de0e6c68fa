/* What is asked of a job: by UWS 1.1 (2.2.2, 2.2.3) as a form, and as a document. */
#include "handlers.h"
#include "host/clock.h"
#include "job/amend.h"
#include "job/query.h"
#include "text/doc.h"

/* What a request asks for; texts are borrowed from it. */
struct wanted {
    struct amend amend;
    const char *phase; /* a word of execdm-phase */
    bool some;         /* there is anything */
    json_t *words;     /* keeps the phase */
    unsigned read;     /* bits: the fields of a document that were */
};

static void wanted_fini(struct wanted *c)
{
    json_decref(c->words);
}

/* --- values --- */

static int read_phase(struct wanted *c, struct reply *p, const char *value)
{
    struct err err = {0};
    own(str_fini) char *word = str_new(value);
    for (char *w = word; *w; w++)
        *w = *w >= 'A' && *w <= 'Z' ? (char)(*w + 'a' - 'A') : *w;
    if (query_verb(word, &err) < 0 || str_same(word, "delete"))
        return reply_refuse(p, 400,
                            "PHASE: expected RUN, ABORT, HOLD, RELEASE, SUSPEND, RESUME or "
                            "ARCHIVE, found \"%.40s\"",
                            value);
    c->words = json_string(word);
    c->phase = json_string_value(c->words);
    return 1;
}

static int read_action(struct wanted *c, struct reply *p, const char *value)
{
    if (strcasecmp(value, "DELETE") != 0)
        return reply_refuse(p, 400, "ACTION: expected DELETE, found \"%.40s\"", value);
    c->phase = "delete";
    return 1;
}

#define KEPT_MOST_DAYS 366
#define KEPT_MOST_MS ((int64_t)KEPT_MOST_DAYS * 86400000)

static int read_destruction(struct wanted *c, struct reply *p, const char *value)
{
    struct when w;
    const char *why = "";
    if (when_parse(value, &w, NULL, &why) < 0 || when_to_ms(w) <= 0)
        return reply_refuse(p, 400, "DESTRUCTION: expected a time like %s, found \"%.40s\"",
                            "2026-01-31T12:00:00Z", value);
    if (when_to_ms(w) > clock_ms() + KEPT_MOST_MS)
        return reply_refuse(p, 400, "DESTRUCTION: expected a time within %d days, found \"%.40s\"",
                            KEPT_MOST_DAYS, value);
    c->amend.destruction = when_to_ms(w);
    return 1;
}

#define LIMIT_MOST INT32_MAX /* s: UWS has an int there */

/* Seconds, as UWS has it, or a duration, as documents have it. */
static int read_limit(struct wanted *c, struct reply *p, const char *value)
{
    struct duration d;
    const char *why = "";
    char *end = "";
    int64_t n = -1;
    errno = 0;
    if (*value == 'P' && duration_parse(value, &d, NULL, &why) == 0)
        n = duration_seconds(d, clock_when());
    else if (*value >= '0' && *value <= '9')
        n = strtoll(value, &end, 10);
    if (n < 0 || n > LIMIT_MOST || *end || errno)
        return reply_refuse(p, 400,
                            "EXECUTIONDURATION: expected seconds, up to %d, found \"%.40s\"",
                            LIMIT_MOST, value);
    c->amend.limit = n;
    return 1;
}

static int read_name(struct wanted *c, struct reply *p, const char *value)
{
    (void)p;
    c->amend.name = value;
    return 1;
}

static int read_runid(struct wanted *c, struct reply *p, const char *value)
{
    (void)p;
    c->amend.runid = value;
    return 1;
}

#define FORM 1u     /* may be in a form */
#define DOCUMENT 2u /* in a document */
static const struct {
    const char *name;
    int (*read)(struct wanted *c, struct reply *p, const char *value);
    unsigned in;
} fields[] = {
    {"PHASE", read_phase, FORM | DOCUMENT},
    {"ACTION", read_action, FORM},
    {"DESTRUCTION", read_destruction, FORM | DOCUMENT},
    {"EXECUTIONDURATION", read_limit, FORM | DOCUMENT},
    {"NAME", read_name, DOCUMENT},
    {"RUNID", read_runid, DOCUMENT},
};

/* --- requests --- */

/* A form, or the URL's query. */
static int read_form(const struct request *r, struct reply *p, const char *only, struct wanted *c)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        const char *value = request_param(r, fields[i].name);
        if (!value || !(fields[i].in & FORM))
            continue;
        if (only && strcasecmp(only, fields[i].name) != 0)
            return reply_refuse(p, 400, "expected %s, found \"%s\"", only, fields[i].name);
        if (!reply_once(p, r, fields[i].name))
            return 0;
        if (c->phase && str_same(fields[i].name, "ACTION"))
            return reply_refuse(p, 400, "expected PHASE or ACTION, found both");
        if (fields[i].read(c, p, value) == 0)
            return 0;
        c->some = true;
    }
    return 1;
}

/* One member of a document; `buffer` keeps a number's text. */
static int read_member(const char *key, const json_t *value, struct reply *p, struct wanted *c)
{
    char number[32];
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        text = number;
    }
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (!(fields[i].in & DOCUMENT) || strcasecmp(fields[i].name, key) != 0)
            continue;
        if (!text || (text == number && fields[i].read != read_limit))
            return reply_refuse(p, 400, "%s: expected a text", key);
        if (c->read & (1u << i))
            return reply_refuse(p, 400, "%.40s: it is there twice, in letters of another case",
                                key);
        c->read |= 1u << i;
        c->some = true;
        return fields[i].read(c, p, text);
    }
    return reply_refuse(p, 400,
                        "expected phase, destruction, executionduration, name and runid, found "
                        "\"%.40s\"",
                        key);
}

static int read_document(const struct request *r, struct reply *p, const char *only,
                         struct wanted *c, json_t **doc)
{
    struct err err = {0};
    const char *key;
    json_t *value;
    if (doc_bytes("the body", r->body, r->len, doc, &err) < 0)
        return reply_refuse(p, 400, "%s%s%s", err.where, err.where[0] ? ": " : "", err.text);
    if (!json_is_object(*doc))
        return reply_refuse(p, 400, "expected an object");
    json_object_foreach (*doc, key, value) {
        if (only && strcasecmp(only, key) != 0)
            return reply_refuse(p, 400, "expected %s, found \"%.40s\"", only, key);
        if (read_member(key, value, p, c) == 0)
            return 0;
    }
    return 1;
}

static bool is_document(const struct request *r)
{
    return str_same(r->type, "application/json") ||
           str_same(r->type, "application/merge-patch+json") ||
           str_same(r->type, "application/yaml");
}

/* What is asked for, in whichever form; `only`: the one thing that can be. 1, or 0 when it was
 * refused. *doc keeps the texts. */
static int read_change(const struct request *r, struct reply *p, const char *only, struct wanted *c,
                       json_t **doc)
{
    *c = (struct wanted){.amend = {.limit = -1}};
    if (r->len && !is_document(r) && !str_same(r->type, FORM_TYPE))
        return reply_refuse(p, 415, "expected a form or application/json, found %.80s", r->type);
    const int rc = is_document(r) ? read_document(r, p, only, c, doc) : read_form(r, p, only, c);
    if (rc == 0)
        return 0;
    if (!c->some)
        return reply_refuse(p, 400, "expected %s, found nothing of it",
                            only ? only : "PHASE, ACTION, DESTRUCTION or EXECUTIONDURATION");
    return 1;
}

/* --- and done --- */

/* Where UWS says 403: the job is not in a phase for it. 1 done, 0 answered, -1. */
static int refuse_now(struct reply *p, struct err *err)
{
    return err->code == CODE_CONFLICT ? reply_refuse(p, 403, "%s", err->text) : -1;
}

static bool amends(const struct amend *a)
{
    return a->destruction || a->limit >= 0 || a->name || a->runid;
}

static int apply(struct service *s, struct reply *p, const struct job *j, const struct wanted *c,
                 struct err *err)
{
    if (c->phase && query_allowed(j, c->phase, err) < 0)
        return refuse_now(p, err);
    const struct amend *a = amends(&c->amend) ? &c->amend : NULL;
    const bool runs =
        c->phase && job_draft(j) && j->phase == PHASE_PENDING && str_same(c->phase, "run");
    if (runs) {
        const int rc = create_run(s, p, j, a, err);
        return rc < 0 ? refuse_now(p, err) : rc;
    }
    if (a && amend_job(&s->store, j->id, a, err) < 0)
        return refuse_now(p, err);
    if (!c->phase)
        return 1;
    if (query_change(&s->store, j->id, c->phase, err) < 0)
        return refuse_now(p, err);
    return 1;
}

static int see_list(struct service *s, struct reply *p)
{
    own(str_fini) char *url = service_url(s, "jobs");
    reply_see(p, url);
    return 0;
}

/* At /jobs/{id} anything, below it what the last segment of the path says. */
int serve_change(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(job_fini) struct job job = {0};
    own(wanted_fini) struct wanted c = {0};
    own(json_fini) json_t *doc = NULL;
    const char *last = strrchr(r->path, '/') + 1;
    const char *only = str_same(last, r->segments[0]) ? NULL : last;
    if (service_job(s, r->segments[0], &job, err) < 0)
        return -1;
    if (read_change(r, p, only, &c, &doc) == 0)
        return 0;
    const int rc = apply(s, p, &job, &c, err);
    if (rc <= 0)
        return rc;
    if (str_same(c.phase, "delete"))
        return see_list(s, p);
    own(str_fini) char *url = service_url(s, "jobs/%s", job.id);
    reply_see(p, url);
    return 0;
}

int serve_change_patch(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(job_fini) struct job job = {0};
    own(wanted_fini) struct wanted c = {0};
    own(json_fini) json_t *doc = NULL;
    if (service_job(s, r->segments[0], &job, err) < 0)
        return -1;
    if (!is_document(r))
        return reply_refuse(p, 415, "expected application/json, found %.80s", r->type);
    if (read_change(r, p, NULL, &c, &doc) == 0)
        return 0;
    const int rc = apply(s, p, &job, &c, err);
    if (rc <= 0)
        return rc;
    own(json_fini) json_t *now = service_document(s, job.id, err);
    if (!now)
        return -1;
    p->fresh = true;
    reply_document(p, r, now);
    return 0;
}

int serve_change_delete(struct service *s, struct request *r, struct reply *p, struct err *err)
{
    own(job_fini) struct job job = {0};
    const struct wanted c = {.amend = {.limit = -1}, .phase = "delete"};
    if (service_job(s, r->segments[0], &job, err) < 0)
        return -1;
    const int rc = apply(s, p, &job, &c, err);
    return rc <= 0 ? rc : see_list(s, p);
}
