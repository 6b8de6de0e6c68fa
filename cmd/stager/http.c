/* http: and https:, the one file that knows libcurl. */
#include "stager.h"
#include <curl/curl.h>
#include "text/uri.h"

#define REDIRECTS_MAX 10L
#define CONNECT_SECONDS 10L
#define SLOW_SECONDS 20L /* without a byte */

static const struct {
    CURLcode code;
    enum reason reason;
    bool transient;
} curl_rows[] = {
    {CURLE_COULDNT_RESOLVE_PROXY, REASON_UNREACHABLE, true},
    {CURLE_COULDNT_RESOLVE_HOST, REASON_UNREACHABLE, true},
    {CURLE_COULDNT_CONNECT, REASON_UNREACHABLE, true},
    {CURLE_PARTIAL_FILE, REASON_CORRUPT, true},
    {CURLE_PEER_FAILED_VERIFICATION, REASON_UNREACHABLE, false},
    {CURLE_SSL_CACERT_BADFILE, REASON_UNREACHABLE, false},
    {CURLE_TOO_MANY_REDIRECTS, REASON_UNREACHABLE, false},
    {CURLE_UNSUPPORTED_PROTOCOL, REASON_INVALID, false},
    {CURLE_URL_MALFORMAT, REASON_INVALID, false},
    {CURLE_LOGIN_DENIED, REASON_DENIED, false},
};

static const struct {
    long status;
    enum reason reason;
    bool transient;
    const char *meaning;
} status_rows[] = {
    {401, REASON_DENIED, false, "asks for a login"},
    {403, REASON_DENIED, false, "does not allow it"},
    {404, REASON_NOTFOUND, false, "has no such file"},
    {405, REASON_UNSUPPORTED, false, "does not do this here"},
    {407, REASON_DENIED, false, "is behind a proxy that asks for a login"},
    {408, REASON_UNREACHABLE, true, "waited too long"},
    {410, REASON_NOTFOUND, false, "has it no longer"},
    {413, REASON_NOROOM, false, "takes no file as large"},
    {429, REASON_UNREACHABLE, true, "is asked too often"},
    {501, REASON_UNSUPPORTED, false, "does not do this"},
    {507, REASON_NOROOM, false, "has no room left"},
};

/* One request, on whatever way it is driven. */
struct request {
    CURL *easy;
    struct curl_slist *headers;
    const char *verb; /* for messages */
    char *shown;
    int64_t total;   /* from Content-Range, or -1 */
    char allow[256]; /* the Allow header */
    char error[CURL_ERROR_SIZE];
};

static void request_fini(struct request *r)
{
    curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    free(r->shown);
    *r = (struct request){0};
}

static int on_stop(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)self, (void)a, (void)b, (void)c, (void)d;
    return stager_signal != 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *self)
{
    struct request *r = self;
    own(str_fini) char *text = str_print("%.*s", (int)(size * n), line);
    if (strncasecmp(text, "HTTP/", 5) == 0) { /* the next answer: a redirect, or after 100 */
        r->total = -1;
        r->allow[0] = '\0';
    } else if (strncasecmp(text, "Content-Range:", 14) == 0) {
        const char *slash = strchr(text, '/');
        if (slash && slash[1] >= '0' && slash[1] <= '9')
            r->total = strtoll(slash + 1, NULL, 10);
    } else if (strncasecmp(text, "Allow:", 6) == 0) {
        snprintf(r->allow, sizeof(r->allow), "%s", text + 6);
    }
    return size * n;
}

static void only_http(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

/* r must stay where it is until request_fini. */
static int request_init(struct request *r, const char *verb, const char *url, struct fault *f)
{
    static bool started;
    if (!started)
        curl_global_init(CURL_GLOBAL_DEFAULT);
    started = true;
    *r = (struct request){.easy = curl_easy_init(), .verb = verb, .total = -1};
    r->shown = uri_shown(url);
    if (!r->easy)
        return fault_set(f, REASON_UNREACHABLE, true, "libcurl cannot begin with %s", r->shown);
    r->headers = curl_slist_append(NULL, "Accept-Encoding: identity");
    const char *authorities = getenv("CURL_CA_BUNDLE"); /* as curl(1) does */
    if (!authorities)
        authorities = getenv("SSL_CERT_FILE");
    if (authorities && *authorities)
        curl_easy_setopt(r->easy, CURLOPT_CAINFO, authorities);
    only_http(r->easy);
    curl_easy_setopt(r->easy, CURLOPT_URL, url);
    curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(r->easy, CURLOPT_USERAGENT, "execdm-stage/" PACKAGE_VERSION);
    curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(r->easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(r->easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(r->easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(r->easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(r->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(r->easy, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    curl_easy_setopt(r->easy, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(r->easy, CURLOPT_ERRORBUFFER, r->error);
    curl_easy_setopt(r->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(r->easy, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(r->easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(r->easy, CURLOPT_XFERINFOFUNCTION, on_stop);
    return 0;
}

static int status_fault(struct request *r, long status, struct fault *f)
{
    enum reason reason = status >= 500 ? REASON_UNREACHABLE : REASON_INVALID;
    bool transient = status >= 500;
    const char *meaning = status >= 500 ? "is in trouble" : "refuses it";
    for (size_t i = 0; i < COUNT(status_rows); i++)
        if (status_rows[i].status == status) {
            reason = status_rows[i].reason;
            transient = status_rows[i].transient;
            meaning = status_rows[i].meaning;
        }
    curl_off_t after = 0;
    curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &after);
    fault_set(f, reason, transient, "cannot %s %s: the server %s (HTTP %ld)", r->verb, r->shown,
              meaning, status);
    f->pause = after > 0 && after < 86400 ? (long)after : 0;
    return -1;
}

/* What became of a request; 0 when the answer is 2xx. */
static int request_fault(struct request *r, CURLcode code, struct fault *f)
{
    long status = 0;
    curl_off_t connected = 0;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(r->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    if (code == CURLE_OK && status / 100 == 2)
        return 0;
    if (code == CURLE_OK || code == CURLE_HTTP_RETURNED_ERROR)
        return status_fault(r, status, f);
    if (stager_signal)
        return fault_set(f, REASON_STOPPED, true, "stopped by signal %d", (int)stager_signal);
    const char *detail = r->error[0] ? r->error : curl_easy_strerror(code);
    enum reason reason = REASON_UNREACHABLE;
    bool transient = true;
    if (code == CURLE_OPERATION_TIMEDOUT && connected > 0)
        return fault_set(f, REASON_SLOW, true, "cannot %s %s: not a byte came or went for %ld s",
                         r->verb, r->shown, SLOW_SECONDS);
    for (size_t i = 0; i < COUNT(curl_rows); i++)
        if (curl_rows[i].code == code) {
            reason = curl_rows[i].reason;
            transient = curl_rows[i].transient;
        }
    /* the commonest: a server that sends us to a file: or ftp: URL */
    const char *hint =
        code == CURLE_UNSUPPORTED_PROTOCOL ? "; it leads to a URL that is not http: or https:" : "";
    return fault_set(f, reason, transient, "cannot %s %s: %s%s", r->verb, r->shown, detail, hint);
}

/* --- as a source: a GET that is pulled --- */

struct http_source {
    struct source base;
    char *url;
    CURLM *multi;
    struct request request;
    struct buf body;
    size_t at;   /* what was read of body */
    bool paused; /* body is full */
    bool over;
    CURLcode result;
};

static size_t on_body(char *bytes, size_t size, size_t n, void *self)
{
    struct http_source *h = self;
    if (h->body.len >= STAGER_BUFFER) {
        h->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    buf_add(&h->body, bytes, size * n);
    return size * n;
}

static void http_drop(struct http_source *h)
{
    if (h->multi && h->request.easy)
        curl_multi_remove_handle(h->multi, h->request.easy);
    request_fini(&h->request);
    curl_multi_cleanup(h->multi);
    h->multi = NULL;
    h->body.len = h->at = 0;
    h->paused = h->over = false;
}

static void http_close(struct source *src)
{
    struct http_source *h = (struct http_source *)src;
    http_drop(h);
    buf_fini(&h->body);
    free(h->url);
}

/* Until there are bytes or an end. */
static int http_pump(struct http_source *h, struct fault *f)
{
    while (h->at == h->body.len && !h->over) {
        int running = 0, left = 0;
        h->at = h->body.len = 0;
        if (h->paused) {
            h->paused = false;
            curl_easy_pause(h->request.easy, CURLPAUSE_CONT);
        }
        if (stager_signal)
            return fault_set(f, REASON_STOPPED, true, "stopped by signal %d", (int)stager_signal);
        CURLMcode code = curl_multi_perform(h->multi, &running);
        if (code != CURLM_OK)
            return fault_set(f, REASON_UNREACHABLE, true, "cannot get %s: %s", h->base.shown,
                             curl_multi_strerror(code));
        for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));)
            if (m->msg == CURLMSG_DONE) {
                h->over = true;
                h->result = m->data.result;
            }
        if (h->body.len == 0 && !h->over)
            curl_multi_poll(h->multi, NULL, 0, 250, NULL);
    }
    return 0;
}

static int http_begin(struct source *src, struct fault *f)
{
    struct http_source *h = (struct http_source *)src;
    http_drop(h);
    if (request_init(&h->request, "get", h->url, f) < 0)
        return -1;
    h->multi = curl_multi_init();
    curl_easy_setopt(h->request.easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h->request.easy, CURLOPT_WRITEDATA, h);
    if (!h->multi || curl_multi_add_handle(h->multi, h->request.easy) != CURLM_OK)
        return fault_set(f, REASON_UNREACHABLE, true, "libcurl cannot begin with %s", src->shown);
    if (http_pump(h, f) < 0)
        return -1;
    /* what went wrong later is told by http_read, after the bytes that came */
    CURLcode now = h->over && h->body.len == 0 ? h->result : CURLE_OK;
    if (request_fault(&h->request, now, f) < 0)
        return -1;
    curl_off_t length = -1;
    curl_easy_getinfo(h->request.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    src->size = length;
    return 0;
}

static ssize_t http_read(struct source *src, char *bytes, size_t n, struct fault *f)
{
    struct http_source *h = (struct http_source *)src;
    if (http_pump(h, f) < 0)
        return -1;
    size_t ready = h->body.len - h->at;
    if (ready == 0)
        return request_fault(&h->request, h->result, f);
    if (n > ready)
        n = ready;
    memcpy(bytes, h->body.bytes + h->at, n);
    h->at += n;
    return (ssize_t)n;
}

static int http_open(struct transfer *t, const char *url, struct source **src, struct fault *f)
{
    (void)t, (void)f;
    struct http_source *h = mem_new(sizeof(*h));
    h->base = (struct source){
        .kind = KIND_FILE,
        .size = -1,
        .fd = -1,
        .name = url_name(url),
        .shown = uri_shown(url),
        .begin = http_begin,
        .read = http_read,
        .close = http_close,
    };
    h->url = str_new(url);
    *src = &h->base;
    return 0;
}

/* --- asking --- */

static size_t on_nothing(char *bytes, size_t size, size_t n, void *self)
{
    (void)bytes, (void)size, (void)n;
    *(bool *)self = true; /* the body begins: all we wanted is known, so end it */
    return 0;
}

static int ask(const char *verb, const char *url, int64_t *size, struct fault *f)
{
    own(request_fini) struct request r = {0};
    bool enough = false;
    if (request_init(&r, "get", url, f) < 0)
        return -1;
    if (str_same(verb, "HEAD"))
        curl_easy_setopt(r.easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(r.easy, CURLOPT_RANGE, "0-0");
    curl_easy_setopt(r.easy, CURLOPT_WRITEFUNCTION, on_nothing);
    curl_easy_setopt(r.easy, CURLOPT_WRITEDATA, &enough);
    CURLcode code = curl_easy_perform(r.easy);
    long status = 0;
    curl_easy_getinfo(r.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 416) { /* no first byte: an empty file */
        *size = 0;
        return 0;
    }
    if (request_fault(&r, enough ? CURLE_OK : code, f) < 0)
        return -1;
    curl_off_t length = -1;
    if (status == 206)
        length = r.total;
    else
        curl_easy_getinfo(r.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    *size = length;
    return 0;
}

static int http_readable(const char *url, struct found *found, struct fault *f)
{
    *found = (struct found){KIND_FILE, -1};
    int rc = ask("HEAD", url, &found->size, f);
    /* signed URLs and small servers often know GET only */
    bool refused = rc < 0 && (f->reason == REASON_DENIED || f->reason == REASON_UNSUPPORTED ||
                              f->reason == REASON_INVALID);
    if (refused || (rc == 0 && found->size < 0))
        rc = ask("GET", url, &found->size, f);
    return rc;
}

static int http_writable(const char *url, enum kind type, struct fault *f)
{
    own(request_fini) struct request r = {0};
    bool enough = false;
    (void)type;
    if (request_init(&r, "reach", url, f) < 0)
        return -1;
    curl_easy_setopt(r.easy, CURLOPT_CUSTOMREQUEST, "OPTIONS");
    curl_easy_setopt(r.easy, CURLOPT_WRITEFUNCTION, on_nothing);
    curl_easy_setopt(r.easy, CURLOPT_WRITEDATA, &enough);
    CURLcode code = curl_easy_perform(r.easy);
    if (code == CURLE_HTTP_RETURNED_ERROR)
        return 0; /* nothing definite: the file may not be there yet, OPTIONS not known */
    if (request_fault(&r, enough ? CURLE_OK : code, f) < 0)
        return f->reason == REASON_INVALID && code == CURLE_OK ? 0 : -1;
    if (r.allow[0] && !strstr(r.allow, "PUT") && !strchr(r.allow, '*'))
        return fault_set(f, REASON_DENIED, false, "cannot put %s: the server allows only%.*s",
                         r.shown, (int)strcspn(r.allow, "\r\n"), r.allow);
    return 0;
}

/* --- as a destination: a PUT --- */

struct upload {
    struct stream *stream;
    struct fault *f;
};

static size_t on_read(char *bytes, size_t size, size_t n, void *self)
{
    struct upload *u = self;
    ssize_t got = stream_read(u->stream, bytes, size * n, u->f);
    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

/* A redirect, or a login that was asked for, begins anew. */
static int on_seek(void *self, curl_off_t offset, int origin)
{
    struct upload *u = self;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    return stream_rewind(u->stream, u->f) < 0 ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static size_t on_answer(char *bytes, size_t size, size_t n, void *self)
{
    (void)bytes, (void)self;
    return size * n;
}

static int verify(struct stream *s, const char *url, struct fault *f)
{
    struct fault why = {0};
    struct found found;
    own(str_fini) char *shown = uri_shown(url);
    const char *name = s->src->name ? s->src->name : shown;
    if (http_readable(url, &found, &why) < 0) {
        if (why.reason == REASON_NOTFOUND)
            return fault_set(f, REASON_CORRUPT, true, "%s was put there, but the server has it not",
                             shown);
        if (why.transient) {
            *f = why;
            return -1;
        }
        return transfer_warn(s->t, name, f, "stored, but not verified: %s", why.text);
    }
    if (found.size < 0)
        return transfer_warn(s->t, name, f, "stored, but not verified: the server gives no length");
    if (found.size != s->count)
        return fault_set(f, REASON_CORRUPT, true,
                         "%s has %" PRId64 " bytes on the server, sent were %" PRId64, shown,
                         found.size, s->count);
    return 0;
}

static int http_put(struct stream *s, const char *url, mode_t mode, struct fault *f)
{
    own(request_fini) struct request r = {0};
    struct upload u = {s, f};
    (void)mode;
    if (request_init(&r, "put", url, f) < 0)
        return -1;
    curl_easy_setopt(r.easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(r.easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)s->src->size);
    curl_easy_setopt(r.easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
    curl_easy_setopt(r.easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(r.easy, CURLOPT_READDATA, &u);
    curl_easy_setopt(r.easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(r.easy, CURLOPT_SEEKDATA, &u);
    curl_easy_setopt(r.easy, CURLOPT_WRITEFUNCTION, on_answer);
    CURLcode code = curl_easy_perform(r.easy);
    if (s->failed) /* f says why */
        return -1;
    if (request_fault(&r, code, f) < 0)
        return -1;
    if (!s->ended && stream_read(s, &(char){0}, 1, f) != 0) /* an empty file is never asked for */
        return s->failed ? -1
                         : fault_set(f, REASON_CORRUPT, true,
                                     "cannot put %s: the server took only a part of it", r.shown);
    return verify(s, url, f);
}

const struct scheme scheme_http = {
    .name = "http",
    .open = http_open,
    .put = http_put,
    .readable = http_readable,
    .writable = http_writable,
};

const struct scheme scheme_https = {
    .name = "https",
    .open = http_open,
    .put = http_put,
    .readable = http_readable,
    .writable = http_writable,
};
