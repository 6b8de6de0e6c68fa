#include "net/exchange.h"
#include "text/doc.h"
#include "text/uri.h"
#include "text/write.h"

#define ANSWER_MAX (4 << 20) /* as any document */
#define LATE_MS 5000         /* for execdm-http to say that the time is over */

static const struct {
    const char *kind; /* of schema/http-reply.json */
    enum code code;
} kinds[] = {
    {"unreachable", CODE_UNAVAIL}, {"tls", CODE_UNAVAIL},
    {"timeout", CODE_TEMP},        {"cut", CODE_TEMP},
    {"invalid", CODE_DATA},        {"forbidden", CODE_PERM},
};

static const struct {
    int status;
    enum code code;
    const char *meaning;
} statuses[] = {
    {400, CODE_DATA, "does not understand it"},
    {401, CODE_PERM, "asks for a login"},
    {403, CODE_PERM, "does not allow it"},
    {404, CODE_NOINPUT, "has it not"},
    {405, CODE_DATA, "does not do this here"},
    {408, CODE_TEMP, "waited too long"},
    {409, CODE_CONFLICT, "cannot do it now"},
    {410, CODE_CONFLICT, "has it no longer"},
    {413, CODE_DATA, "takes nothing as large"},
    {415, CODE_DATA, "does not understand it"},
    {422, CODE_DATA, "does not understand it"},
    {429, CODE_TEMP, "is asked too often"},
    {503, CODE_TEMP, "is busy"},
};

static char *description(const struct exchange *x)
{
    own(json_fini) json_t *headers = json_pack("{s:s,s:s*,s:s*}", "Accept", "application/json",
                                               "Content-Type", x->type, "Idempotency-Key", x->key);
    own(json_fini) json_t *doc = json_pack(
        "{s:s,s:s,s:O,s:s*,s:f,s:i}", "method", x->method, "url", x->url, "headers", headers,
        "body", x->body, "deadline_s", (double)x->deadline_ms / 1000, "max_bytes", ANSWER_MAX);
    json_object_update(headers, x->headers);
    json_object_update(doc, x->only);
    if (x->only)
        json_object_set_new(doc, "redirects", json_string("none"));
    return doc ? write_string(doc) : NULL;
}

void exchange_start(struct exchange *x)
{
    x->argv[0] = spawn_find_program("execdm-http");
    if (!x->argv[0]) {
        err_set(&x->err, CODE_UNAVAIL,
                "execdm-http is not installed beside this program (it needs libcurl)");
        return;
    }
    own(str_fini) char *input = description(x);
    if (!input) { /* JSON holds no such URL */
        err_set(&x->err, CODE_DATA, "the URL is not text in UTF-8");
        return;
    }
    x->run = (struct spawn){.argv = x->argv,
                            .input = input,
                            .deadline_ms = x->deadline_ms + LATE_MS,
                            .output_max = 8 * ANSWER_MAX,
                            .stop = x->stop,
                            .context = x->context};
    spawn_start(&x->run, &x->err);
    x->run.input = NULL;
}

static void take_reply(struct exchange *x)
{
    int rc = spawn_result(&x->run, &x->err);
    x->sent = true; /* unless it is known better */
    if (rc < 0)
        return;
    if (x->run.stopped) {
        err_set(&x->err, CODE_TEMP, "stopped");
        return;
    }
    if (rc == CODE_OK && x->run.out.len)
        x->reply = json_loadb(x->run.out.bytes, x->run.out.len, JSON_REJECT_DUPLICATES, NULL);
    if (!x->reply) {
        err_set(&x->err, CODE_PROTO, "execdm-http ended with %d: %s", rc,
                spawn_last_error(&x->run));
        return;
    }
    const json_t *error = json_object_get(x->reply, "error");
    x->status = (int)json_int(x->reply, "status", 0);
    x->from = json_text(x->reply, "url");
    x->sent = !error || json_is_true(json_object_get(error, "sent"));
    if (!error)
        return;
    enum code code = CODE_PROTO;
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (str_same(kinds[i].kind, json_text(error, "kind")))
            code = kinds[i].code;
    err_set(&x->err, code, "%s", json_text(error, "text"));
}

void exchange_wait(struct exchange *const list[], size_t n)
{
    struct spawn **runs = mem_new((n + 1) * sizeof(*runs));
    for (size_t i = 0; i < n; i++)
        runs[i] = &list[i]->run;
    spawn_serve(runs, n);
    free(runs);
    for (size_t i = 0; i < n; i++)
        if (list[i]->run.pid > 0)
            take_reply(list[i]);
}

void exchange_fini(struct exchange *x)
{
    spawn_fini(&x->run);
    json_decref(x->reply);
    free(x->argv[0]);
    *x = (struct exchange){0};
}

/* How many bytes stand here that a terminal takes for an order, or turns what follows round. */
static size_t order_at(const char *s)
{
    const unsigned char *c = (const unsigned char *)s;
    if (*c < 0x20 || *c == 0x7f)
        return 1;
    if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* U+0080 to U+009F */
        return 2;
    if (*c == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) /* U+202A to U+202E */
        return 3;
    return *c == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9 ? 3 : 0; /* U+2066 to 2069 */
}

static char *plain(char *text)
{
    for (char *c = text; *c; c++)
        for (size_t n = order_at(c); n; n--, c += n > 0)
            *c = *c == '\n' || *c == '\t' ? ' ' : '?';
    return text;
}

/* What the service says of its refusal: problem+json (RFC 9457), or a line of text. */
static char *said(const struct exchange *x)
{
    const char *body = json_text(x->reply, "body");
    const char *type = json_text(json_object_get(x->reply, "headers"), "content-type");
    own(json_fini) json_t *doc = json_loads(body ? body : "", 0, NULL);
    const char *text = json_text(doc, "detail");
    if (!text)
        text = json_text(doc, "title");
    if (!text && type && str_begins(type, "text/plain"))
        text = body;
    if (!text || !*text)
        return str_new("");
    char *line = plain(str_print(": %.*s", (int)strcspn(text, "\r\n"), text));
    if (strlen(line) > 300)
        line[300] = '\0';
    return line;
}

int exchange_done(const struct exchange *x, struct err *err)
{
    if (x->status == 0) {
        *err = x->err;
        return -1;
    }
    if (x->status / 100 == 2)
        return 0;
    enum code code = x->status / 100 == 5 ? CODE_UNAVAIL : CODE_PROTO;
    const char *meaning = x->status / 100 == 5 ? "is in trouble" : "answers what nobody expects";
    for (size_t i = 0; i < COUNT(statuses); i++)
        if (statuses[i].status == x->status) {
            code = statuses[i].code;
            meaning = statuses[i].meaning;
        }
    own(str_fini) char *shown = uri_shown(x->from);
    own(str_fini) char *why = said(x);
    return err_set(err, code, "%s %s (HTTP %d)%s", shown, meaning, x->status, why);
}

json_t *exchange_document(const struct exchange *x, struct err *err)
{
    const char *body = json_text(x->reply, "body");
    own(str_fini) char *shown = uri_shown(x->from);
    own(json_fini) json_t *doc = NULL;
    struct err why = {0};
    if (!body || !*body) {
        err_set(err, CODE_PROTO, "%s answers nothing, a document was expected", shown);
        return NULL;
    }
    if (doc_bytes("answer", body, strlen(body), &doc, &why) < 0) {
        err_set(err, CODE_PROTO, "%s answers what is no document: %s", shown, plain(why.text));
        return NULL;
    }
    if (!json_is_object(doc)) {
        const char *type = json_text(json_object_get(x->reply, "headers"), "content-type");
        own(str_fini) char *what = plain(str_new(type ? type : "something else"));
        err_set(err, CODE_PROTO, "%s answers what is no document, but %s", shown, what);
        return NULL;
    }
    return move(doc);
}

void exchange_plain(json_t *value)
{
    const char *key;
    size_t i;
    json_t *v;
    if (json_is_string(value)) {
        own(str_fini) char *text = plain(str_new(json_string_value(value)));
        json_string_set(value, text);
    }
    json_object_foreach (value, key, v)
        exchange_plain(v);
    json_array_foreach (value, i, v)
        exchange_plain(v);
}

char *exchange_url(const struct exchange *x, const char *reference)
{
    own(str_fini) char *url = reference && *reference ? uri_resolve(x->from, reference) : NULL;
    own(str_fini) char *scheme = url ? uri_scheme(url) : NULL;
    own(str_fini) char *before = uri_scheme(x->from);
    if (str_same(scheme, "https") || (str_same(scheme, "http") && str_same(before, "http")))
        return move(url);
    return NULL;
}
