#include "model/phase.h"
#include "model/secret.h"
#include "net/remote.h"
#include "text/uri.h"

#define DEADLINE_MS 30000

/* A service that knows only the Planner's words (Planner 2.5.2). */
static const struct {
    const char *status;
    enum phase phase;
} words[] = {
    {"PENDING", PHASE_PENDING}, {"RUNNING", PHASE_EXECUTING}, {"COMPLETED", PHASE_COMPLETED},
    {"FAILED", PHASE_ERROR},    {"CANCELLED", PHASE_ABORTED},
};

/* What is read of a job. Of another form it is left out: a stranger's document must not be able to
 * make ours invalid. */
static const struct {
    const char *key;
    json_type type;
} forms[] = {
    {"id", JSON_STRING},
    {"name", JSON_STRING},
    {"owner", JSON_STRING},
    {"runid", JSON_STRING},
    {"phase", JSON_STRING},
    {"status", JSON_STRING},
    {"platform", JSON_STRING},
    {"created", JSON_STRING},
    {"started", JSON_STRING},
    {"ended", JSON_STRING},
    {"destruction", JSON_STRING},
    {"waiting_for", JSON_STRING},
    {"executionduration", JSON_STRING},
    {"executable", JSON_OBJECT},
    {"resources", JSON_OBJECT},
    {"datetime", JSON_ARRAY},
    {"exit", JSON_OBJECT},
    {"usage", JSON_OBJECT},
    {"error", JSON_OBJECT},
    {"backend", JSON_OBJECT},
    {"results", JSON_ARRAY},
    {"messages", JSON_ARRAY},
    {"history", JSON_ARRAY},
    {"advisory", JSON_ARRAY},
};

/* Results are fetched by a URL of the service; a file: there would be one of ours. */
static json_t *good_results(const struct exchange *x, const json_t *list)
{
    json_t *good = json_array();
    size_t i;
    json_t *row;
    json_array_foreach (list, i, row) {
        own(str_fini) char *url = exchange_url(x, json_text(row, "url"));
        if (!url)
            continue;
        json_object_set_new(row, "url", json_string(url));
        json_array_append(good, row);
    }
    return good;
}

json_t *remote_read(const struct exchange *x, struct err *err)
{
    enum phase phase = PHASE_COUNT;
    if (exchange_done(x, err) < 0)
        return NULL;
    own(json_fini) json_t *doc = exchange_document(x, err);
    if (!doc)
        return NULL;
    for (size_t i = 0; i < COUNT(forms); i++) {
        const json_t *value = json_object_get(doc, forms[i].key);
        if (value && json_typeof(value) != forms[i].type)
            json_object_del(doc, forms[i].key);
    }
    for (size_t i = 0; i < COUNT(words); i++)
        if (str_same(words[i].status, json_text(doc, "status")))
            phase = words[i].phase;
    if (phase_parse(json_text(doc, "phase"), &phase) < 0 && phase == PHASE_COUNT) {
        own(str_fini) char *shown = uri_shown(x->from);
        err_set(err, CODE_PROTO, "%s answers what is no job: it has no phase that is known", shown);
        return NULL;
    }
    exchange_plain(doc);
    json_decref(secret_take(doc)); /* of the task, if it says them */
    json_object_set_new(doc, "phase", json_string(phase_name(phase)));
    json_t *results = json_object_get(doc, "results");
    if (results)
        json_object_set_new(doc, "results", good_results(x, results));
    return move(doc);
}

void remote_look(struct exchange *x, const char *url, int64_t deadline_ms)
{
    x->method = "GET";
    x->url = url;
    x->deadline_ms = deadline_ms;
    exchange_start(x);
}

static void one_exchange(struct exchange *x)
{
    exchange_start(x);
    exchange_wait(&x, 1);
}

static int look_now(const char *url, json_t **doc, struct err *err)
{
    own(exchange_fini) struct exchange x = {0};
    struct exchange *one = &x;
    remote_look(&x, url, DEADLINE_MS);
    exchange_wait(&one, 1);
    *doc = remote_read(&x, err);
    return *doc ? 0 : -1;
}

static int not_known(const struct exchange *x, const char *id, struct err *err)
{
    if (x->sent && (err->code == CODE_TEMP || err->code == CODE_PROTO || err->code == CODE_UNAVAIL))
        err_wrap(err, "whether offer %s is accepted is not known, accept it again to find out", id);
    return -1;
}

int remote_accept(const char *accept, const char *id, const char *job, json_t **doc, char **url,
                  struct err *err)
{
    own(exchange_fini) struct exchange x = {
        .method = "POST", .url = accept, .body = "", .key = id, .deadline_ms = DEADLINE_MS};
    one_exchange(&x);
    if (exchange_done(&x, err) < 0)
        return not_known(&x, id, err);
    own(json_fini) json_t *read = remote_read(&x, err);
    const json_t *headers = json_object_get(x.reply, "headers");
    own(str_fini) char *created = exchange_url(&x, json_text(headers, "location"));
    own(str_fini) char *said = exchange_url(&x, json_text(read, "url"));
    const char *there = job                         ? job
                        : created                   ? created /* 201 Created */
                        : !str_same(x.from, accept) ? x.from  /* 303 See Other */
                                                    : said;
    if (!there)
        return read ? err_set(err, CODE_PROTO, "the job of offer %s is made, but has no URL", id)
                    : not_known(&x, id, err);
    if (!read && look_now(there, &read, err) < 0)
        return not_known(&x, id, err);
    *url = str_new(there);
    *doc = move(read);
    return 0;
}

int remote_change(const char *url, const char *verb, json_t **doc, struct err *err)
{
    bool away = str_same(verb, "delete");
    own(str_fini) char *phase = str_print("%s/phase", url);
    own(str_fini) char *body = str_print("PHASE=%s", verb);
    for (char *c = body + 6; *c; c++)
        *c = (char)(*c & ~0x20); /* UWS has them in capitals */
    own(exchange_fini) struct exchange x = {.method = away ? "DELETE" : "POST",
                                            .url = away ? url : phase,
                                            .body = away ? NULL : body,
                                            .type =
                                                away ? NULL : "application/x-www-form-urlencoded",
                                            .deadline_ms = DEADLINE_MS};
    one_exchange(&x);
    *doc = NULL;
    if (exchange_done(&x, err) < 0) {
        if (x.status == 403) /* UWS: not in this phase */
            err->code = CODE_CONFLICT;
        return away && (x.status == 404 || x.status == 410) ? 0 : -1;
    }
    return away ? 0 : look_now(url, doc, err);
}
