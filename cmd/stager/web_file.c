/* A file over http: or https:, a GET that is pulled. */
#include "web_parts.h"
#include "host/clock.h"
#include "text/uri.h"

#define STALE_MS 5000 /* half got, and not gone on with */

struct web_file {
    struct source base;
    char *url;
    struct access access; /* ours, all of it */
    struct strs headers;
    struct web web;
    char *into;      /* what is read goes there, */
    size_t room;     /* so much of it, */
    struct buf rest; /* and then here */
    size_t at;       /* what was read of the rest */
    size_t came;     /* since we looked for it */
    bool paused;     /* enough came */
    bool added;
    int64_t ahead; /* ms since boot when it was asked for ahead, or 0 */
};

static size_t on_body(char *bytes, size_t size, size_t n, void *self)
{
    struct web_file *h = self;
    if (web_status_of(h->web.request) / 100 != 2) {
        if (h->web.said.len + size * n <= SAID_MAX)
            buf_add(&h->web.said, bytes, size * n);
        return size * n;
    }
    size_t len = size * n, fits = len < h->room ? len : h->room;
    if (fits > 0)
        memcpy(h->into, bytes, fits);
    h->into += fits;
    h->room -= fits;
    buf_add(&h->rest, bytes + fits, len - fits);
    h->came += len;
    /* what was received with it is given to us still, so it pauses without keeping a copy */
    if (h->came >= RECEIVE_BYTES && h->room < RECEIVE_BYTES && !h->paused)
        h->paused = curl_easy_pause(h->web.request->easy, CURLPAUSE_RECV) == CURLE_OK;
    return len;
}

static void web_drop(struct web_file *h)
{
    if (h->added)
        curl_multi_remove_handle(h->web.request->links->pulling, h->web.request->easy);
    web_fini(&h->web);
    h->rest.len = h->at = 0;
    h->came = h->room = 0;
    h->added = h->paused = false;
}

static void web_close(struct source *src)
{
    struct web_file *h = (struct web_file *)src;
    web_drop(h);
    buf_fini(&h->rest);
    strs_fini(&h->headers);
    free((char *)h->access.user);
    free((char *)h->access.sign);
    free(h->url);
}

/* Until there are bytes, or an end. */
static int web_pump(struct web_file *h, struct fault *f)
{
    const struct request *r = h->web.request;
    CURLM *pulling = r->links->pulling;
    while (h->came == 0 && !r->over) {
        if (h->paused) {
            h->paused = false;
            curl_easy_pause(r->easy, CURLPAUSE_CONT);
        }
        if (stager_signal)
            return fault_set(f, REASON_STOPPED, true, "stopped by signal %d", (int)stager_signal);
        if (web_drive(pulling, f) < 0)
            return -1;
        if (h->came == 0 && !r->over)
            curl_multi_poll(pulling, NULL, 0, 250, NULL);
    }
    return 0;
}

/* What If-Range takes: a strong ETag, or a date that is strong too, because the answer was made
 * more than a second after it (RFC 9110, 8.8.2.2). The caller frees. */
static char *validator_of(const struct web *w)
{
    bool exact = w->access && w->access->exact;
    const char *etag = web_header(w, "ETag"), *modified = web_header(w, "Last-Modified");
    const char *date = web_header(w, "Date");
    if (web_header(w, "Content-Encoding") && !exact) /* the length is another's */
        return NULL;
    if (etag && *etag == '"')
        return str_new(etag);
    if (modified && date && curl_getdate(date, NULL) > curl_getdate(modified, NULL) + 1)
        return str_new(modified);
    return NULL;
}

static int web_ask(struct web_file *h, int64_t offset, struct fault *f)
{
    own(str_fini) char *condition =
        h->base.validator ? str_print("If-Range: %s", h->base.validator) : NULL;
    char *headers[] = {condition, NULL};
    char range[32];
    web_drop(h);
    h->web = (struct web){.verb = "get", .method = "GET", .url = h->url, .access = &h->access};
    if (offset > 0)
        h->web.headers = headers;
    if (web_request_init(&h->web, f) < 0)
        return -1;
    h->web.headers = NULL; /* libcurl has its copy */
    CURL *easy = h->web.request->easy;
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, h);
    snprintf(range, sizeof(range), "%" PRId64 "-", offset);
    if (offset > 0) {
        curl_easy_setopt(easy, CURLOPT_RANGE, range);
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, NULL);
    }
    h->added = curl_multi_add_handle(h->web.request->links->pulling, easy) == CURLM_OK;
    if (!h->added)
        return fault_set(f, REASON_UNREACHABLE, true, "libcurl cannot begin with %s",
                         h->base.shown);
    return 0;
}

/* To the first bytes. */
static int web_start(struct web_file *h, int64_t offset, struct fault *f)
{
    /* a server does not wait for ever until we take the rest */
    bool asked = h->ahead && !(h->paused && clock_boot() - h->ahead > STALE_MS);
    h->ahead = 0;
    if ((!asked && web_ask(h, offset, f) < 0) || web_pump(h, f) < 0)
        return -1;
    /* what goes wrong after bytes came is told by web_read, after them */
    if (h->came == 0)
        return web_request_fault(&h->web, f);
    h->web.status = web_status_of(h->web.request);
    return 0;
}

static void web_ahead(struct source *src)
{
    struct fault ignored = {0};
    struct web_file *h = (struct web_file *)src;
    if (web_ask(h, 0, &ignored) == 0 && web_drive(h->web.request->links->pulling, &ignored) == 0)
        h->ahead = clock_boot();
}

static int web_begin(struct source *src, struct fault *f)
{
    struct web_file *h = (struct web_file *)src;
    str_fini(&src->validator);
    if (web_start(h, 0, f) < 0)
        return -1;
    if (h->web.status == 206)
        return fault_set(f, REASON_CORRUPT, false,
                         "%s gives a part of the file, though all of it was asked for", src->shown);
    curl_off_t length = -1;
    curl_easy_getinfo(h->web.request->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    bool undone = web_header(&h->web, "Content-Encoding") && !h->access.exact;
    src->size = undone && !web_named_compressed(h->url) ? -1 : length;
    src->validator = validator_of(&h->web);
    return 0;
}

static int anew(struct source *src, const char *why, struct fault *f)
{
    fault_set(f, REASON_CORRUPT, true, "%s cannot be continued: %s", src->shown, why);
    f->again = f->restart = true;
    return -1;
}

static int web_resume(struct source *src, int64_t offset, struct fault *f)
{
    struct web_file *h = (struct web_file *)src;
    int64_t from = -1, total = -1;
    if (!src->validator)
        return anew(src, "the server gives no sign by which a change would be seen", f);
    int rc = web_start(h, offset, f);
    if (h->web.status == 416)
        return anew(src, "the file is shorter now", f);
    if (rc < 0)
        return -1;
    if (h->web.status != 206)
        return anew(src, "it changed, or the server gives no parts", f);
    const char *span = web_header(&h->web, "Content-Range"), *etag = web_header(&h->web, "ETag");
    if (!span || sscanf(span, "bytes %" SCNd64 "-%*[0-9]/%" SCNd64, &from, &total) < 1 ||
        from != offset)
        return anew(src, "the server gives another part than was asked for", f);
    if (total >= 0 && src->size >= 0 && total != src->size)
        return anew(src, "it has another size now", f);
    if (etag && *src->validator == '"' && !str_same(etag, src->validator))
        return anew(src, "it changed", f);
    return 0;
}

static ssize_t web_read(struct source *src, char *bytes, size_t n, struct fault *f)
{
    struct web_file *h = (struct web_file *)src;
    size_t ready = h->rest.len - h->at;
    if (ready > 0) {
        n = n < ready ? n : ready;
        memcpy(bytes, h->rest.bytes + h->at, n);
        h->at += n;
        return (ssize_t)n;
    }
    h->into = bytes;
    h->room = n;
    h->came = h->rest.len = h->at = 0;
    if (web_pump(h, f) < 0)
        return -1;
    if (h->came > 0)
        return (ssize_t)(n - h->room);
    if (web_request_fault(&h->web, f) == 0)
        return 0;
    f->again = f->again || f->reason == REASON_UNREACHABLE;
    return -1;
}

const struct web *web_answer(const struct source *src)
{
    return &((const struct web_file *)src)->web;
}

struct source *web_source(const char *url, const struct access *access)
{
    struct web_file *h = mem_new(sizeof(*h));
    h->base = (struct source){
        .kind = KIND_FILE,
        .size = -1,
        .fd = -1,
        .name = url_name(url),
        .shown = uri_shown(url),
        .begin = web_begin,
        .resume = web_resume,
        .read = web_read,
        .ahead = web_ahead,
        .close = web_close,
    };
    h->url = str_new(url);
    for (char *const *line = access ? access->headers : NULL; line && *line; line++)
        strs_add(&h->headers, *line);
    if (access)
        h->access = (struct access){str_new(access->user), str_new(access->sign), h->headers.list,
                                    access->exact, access->explain};
    return &h->base;
}
