/* Requests over http: and https:; this and web_file.c are the files that know libcurl. */
#include "web_parts.h"
#include <limits.h>
#include <sys/socket.h>
#include "host/clock.h"
#include "model/reach.h"
#include "text/uri.h"

#define REDIRECTS_MAX 10L
#define CONNECT_SECONDS 10L
#define SLOW_SECONDS 20L /* with less than SLOW_BYTES a second */
#define SLOW_BYTES 16L
#define HEAD_MAX (64 * 1024)

static const struct {
    CURLcode code;
    enum reason reason;
    bool transient, again;
    const char *hint;
} curl_rows[] = {
    {CURLE_COULDNT_RESOLVE_PROXY, REASON_UNREACHABLE, true, false, ""},
    {CURLE_COULDNT_RESOLVE_HOST, REASON_UNREACHABLE, true, false, ""},
    {CURLE_COULDNT_CONNECT, REASON_UNREACHABLE, true, false, ""},
    {CURLE_PARTIAL_FILE, REASON_CORRUPT, true, true, ""},
    {CURLE_PEER_FAILED_VERIFICATION, REASON_UNREACHABLE, false, false,
     "; if you trust it, name a file with its authority in SSL_CERT_FILE"},
    {CURLE_SSL_CACERT_BADFILE, REASON_UNREACHABLE, false, false, "; see SSL_CERT_FILE"},
    {CURLE_TOO_MANY_REDIRECTS, REASON_UNREACHABLE, false, false, ""},
    {CURLE_UNSUPPORTED_PROTOCOL, REASON_INVALID, false, false,
     "; it leads from there to a URL that is not allowed: from https: only to https:, from http: "
     "only to one of both"},
    {CURLE_BAD_CONTENT_ENCODING, REASON_CORRUPT, false, false, ""},
    {CURLE_URL_MALFORMAT, REASON_INVALID, false, false, ""},
    {CURLE_LOGIN_DENIED, REASON_DENIED, false, false, ""},
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
    {423, REASON_DENIED, true, "has it locked"},
    {429, REASON_UNREACHABLE, true, "is asked too often"},
    {501, REASON_UNSUPPORTED, false, "does not do this"},
    {507, REASON_NOROOM, false, "has no room left"},
};

static struct links links[2];

void web_forget(void)
{
    memset(links, 0, sizeof(links));
}

/* Whatever a name, a redirect or an answer of DNS leads to, a public item's requests go nowhere
 * private. */
static bool only_public;

void web_choose(const struct item *item)
{
    only_public = item->public;
}

static curl_socket_t on_open(void *self, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct request *r = self;
    r->forbidden = purpose == CURLSOCKTYPE_IPCXN && r->public && reach_private(&to->addr);
    return r->forbidden ? CURL_SOCKET_BAD
                        : socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* A proxy would be what is connected to, and find by itself what is behind it. */
static void set_reach(struct request *r)
{
    r->public = only_public;
    curl_easy_setopt(r->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(r->easy, CURLOPT_OPENSOCKETDATA, r);
    if (only_public)
        curl_easy_setopt(r->easy, CURLOPT_PROXY, "");
}

static struct links *links_open(void)
{
    struct links *l = &links[only_public];
    if (!l->pulling) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        l->pulling = curl_multi_init();
        l->running = curl_multi_init();
    }
    return l;
}

static CURL *easy_new(struct links *l)
{
    CURL *easy = l->spare ? l->spare : curl_easy_init();
    l->spare = NULL;
    return easy;
}

static void easy_free(struct request *r)
{
    if (r->links->spare || !r->easy) {
        curl_easy_cleanup(r->easy);
        return;
    }
    r->links->spare = r->easy;
    curl_easy_reset(r->easy);
}

void web_fini(struct web *w)
{
    if (w->request) {
        easy_free(w->request);
        curl_slist_free_all(w->request->headers);
        free(w->request->shown);
        free(w->request);
    }
    w->request = NULL;
    buf_fini(&w->head);
    buf_fini(&w->said);
}

const char *web_header(const struct web *w, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = w->head.bytes; line && line < w->head.bytes + w->head.len;
         line += strlen(line) + 1)
        if (strncasecmp(line, name, n) == 0 && line[n] == ':')
            return line + n + 1 + strspn(line + n + 1, " \t");
    return NULL;
}

static int on_stop(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)self, (void)a, (void)b, (void)c, (void)d;
    return stager_signal != 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *self)
{
    struct web *w = self;
    size_t len = size * n;
    while (len > 0 && strchr("\r\n \t", line[len - 1]))
        len--;
    if (len >= 5 && strncasecmp(line, "HTTP/", 5) == 0) /* the next one: a redirect, after 100 */
        w->head.len = w->said.len = 0;
    if (w->head.len + len > HEAD_MAX || memchr(line, '\0', len))
        return 0;
    buf_add(&w->head, line, len);
    buf_char(&w->head, '\0');
    return size * n;
}

static void set_protocols(CURL *easy, const char *url)
{
    bool safe = strncasecmp(url, "https:", 6) == 0; /* then it stays so wherever it leads */
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, safe ? "https" : "http,https");
#else
    long both = CURLPROTO_HTTP | CURLPROTO_HTTPS;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, both);
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS, safe ? (long)CURLPROTO_HTTPS : both);
#endif
}

/* A password goes in the clear to this machine only. */
static int check_secret(const struct web *w, const char *shown, struct fault *f)
{
    bool secret = uri_has_user(w->url) || (w->access && w->access->user && !w->access->sign);
    if (!secret || strncasecmp(w->url, "http:", 5) != 0 || url_is_secret(w->url))
        return 0;
    return fault_set(f, REASON_DENIED, false,
                     "%s: a password is not sent over http:, only over https:", shown);
}

static void add_headers(struct request *r, char *const *headers)
{
    for (; headers && *headers; headers++)
        r->headers = curl_slist_append(r->headers, *headers);
}

bool web_named_compressed(const char *url)
{
    static const char *const ends[] = {".gz", ".tgz", ".z",    ".bz2", ".xz",
                                       ".br", ".zst", ".svgz", ".zip", ".fz"};
    own(str_fini) char *name = url_name(url);
    for (size_t i = 0; name && i < COUNT(ends); i++) {
        size_t n = strlen(name), m = strlen(ends[i]);
        if (n > m && strcasecmp(name + n - m, ends[i]) == 0)
            return true;
    }
    return false;
}

/* What is known of the host, unless the URL says it itself. libcurl shows neither to a host that a
 * redirect leads to. */
static int set_login(struct web *w, struct fault *f)
{
    const char *login, *token = NULL;
    if (uri_has_user(w->url))
        return 0;
    if (credential_web(w->url, &login, &token, f) < 0)
        return -1;
    if (login)
        curl_easy_setopt(w->request->easy, CURLOPT_USERPWD, login);
    if (token) {
        curl_easy_setopt(w->request->easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        curl_easy_setopt(w->request->easy, CURLOPT_XOAUTH2_BEARER, token);
    }
    return 0;
}

static void set_access(struct web *w)
{
    CURL *easy = w->request->easy;
    const struct access *a = w->access;
    if (!a)
        return;
    if (a->user)
        curl_easy_setopt(easy, CURLOPT_USERPWD, a->user);
    if (a->sign)
        curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, a->sign);
    if (a->exact) {
        curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, NULL);
    }
}

int web_request_init(struct web *w, struct fault *f)
{
    struct request *r = w->request = mem_new(sizeof(*r));
    r->links = links_open();
    CURL *easy = r->easy = easy_new(r->links);
    r->shown = uri_shown(w->url);
    r->f = f;
    if (!easy || !r->links->pulling || !r->links->running)
        return fault_set(f, REASON_UNREACHABLE, true, "libcurl cannot begin with %s", r->shown);
    if (check_secret(w, r->shown, f) < 0)
        return -1;
    r->headers = curl_slist_append(NULL, "Accept-Encoding: identity");
    if (!w->access || !w->access->sign) /* libcurl 7.88 signs it, and sends it not */
        r->headers = curl_slist_append(r->headers, "Expect:");
    if ((!w->access || !w->access->exact) && set_login(w, f) < 0)
        return -1;
    add_headers(r, w->access ? w->access->headers : NULL);
    add_headers(r, w->headers);
    const char *authorities = getenv("CURL_CA_BUNDLE"); /* as curl(1) does */
    if (!authorities)
        authorities = getenv("SSL_CERT_FILE");
    if (authorities && *authorities)
        curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
    set_protocols(easy, w->url);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, r);
    curl_easy_setopt(easy, CURLOPT_URL, w->url);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, w->method);
    if (str_same(w->method, "GET") || str_same(w->method, "HEAD"))
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (str_same(w->method, "HEAD"))
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (!web_named_compressed(w->url))
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, r->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "execdm-stage/" PACKAGE_VERSION);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, r->error);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, w);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_stop);
    set_reach(r);
    set_access(w);
    return 0;
}

long web_status_of(const struct request *r)
{
    long status = 0;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static int status_fault(struct web *w, struct fault *f)
{
    struct request *r = w->request;
    enum reason reason = w->status >= 500 ? REASON_UNREACHABLE : REASON_INVALID;
    bool transient = w->status >= 500;
    const char *meaning = w->status >= 500 ? "is in trouble" : "refuses it";
    for (size_t i = 0; i < COUNT(status_rows); i++)
        if (status_rows[i].status == w->status) {
            reason = status_rows[i].reason;
            transient = status_rows[i].transient;
            meaning = status_rows[i].meaning;
        }
    curl_off_t after = 0;
    curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &after);
    fault_set(f, reason, transient, "cannot %s %s: the server %s (HTTP %ld)", w->verb, r->shown,
              meaning, w->status);
    f->pause = after > 0 && after < LONG_MAX ? (long)after : 0;
    if (w->access && w->access->explain)
        w->access->explain(w, f);
    return -1;
}

int web_request_fault(struct web *w, struct fault *f)
{
    struct request *r = w->request;
    CURLcode code = r->result;
    curl_off_t connected = 0;
    w->status = web_status_of(r);
    curl_easy_getinfo(r->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    if (r->failed)
        return -1;
    if (r->enough || code == CURLE_OK)
        return w->status / 100 == 2 ? 0 : status_fault(w, f);
    if (stager_signal)
        return fault_set(f, REASON_STOPPED, true, "stopped by signal %d", (int)stager_signal);
    if (r->forbidden)
        return fault_set(f, REASON_FORBIDDEN, false,
                         "cannot %s %s: it leads to a private address, which is not reached for "
                         "tasks that come over the network (execdm.yaml(5), private-addresses)",
                         w->verb, r->shown);
    if (code == CURLE_OPERATION_TIMEDOUT && connected > 0)
        return fault_set(f, REASON_SLOW, true, "cannot %s %s: hardly a byte came or went for %ld s",
                         w->verb, r->shown, SLOW_SECONDS);
    const char *detail = r->error[0] ? r->error : curl_easy_strerror(code);
    for (size_t i = 0; i < COUNT(curl_rows); i++)
        if (curl_rows[i].code == code) {
            fault_set(f, curl_rows[i].reason, curl_rows[i].transient, "cannot %s %s: %s%s", w->verb,
                      r->shown, detail, curl_rows[i].hint);
            f->again = curl_rows[i].again;
            return -1;
        }
    return fault_set(f, REASON_UNREACHABLE, true, "cannot %s %s: %s", w->verb, r->shown, detail);
}

/* --- a request that is run to its end --- */

static size_t on_answer(char *bytes, size_t size, size_t n, void *self)
{
    struct web *w = self;
    struct request *r = w->request;
    size_t len = size * n;
    if (!w->sink || web_status_of(r) / 100 != 2) {
        if (w->said.len + len <= SAID_MAX)
            buf_add(&w->said, bytes, len);
        return len;
    }
    int rc = w->sink(w->self, bytes, len, r->f);
    r->enough = rc > 0;
    r->failed = rc < 0;
    return rc ? 0 : len;
}

int web_drive(CURLM *multi, struct fault *f)
{
    int busy = 0, left = 0;
    CURLMcode code = curl_multi_perform(multi, &busy);
    if (code != CURLM_OK)
        return fault_set(f, REASON_UNREACHABLE, true, "libcurl: %s", curl_multi_strerror(code));
    for (CURLMsg *m; (m = curl_multi_info_read(multi, &left));) {
        struct request *r = NULL;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
        r->over = m->msg == CURLMSG_DONE;
        r->result = m->data.result;
    }
    return 0;
}

static size_t on_read(char *bytes, size_t size, size_t n, void *self)
{
    struct web *w = self;
    ssize_t got = stream_read(w->stream, bytes, size * n, w->request->f);
    w->request->failed = got < 0;
    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

/* A redirect, or a login that was asked for, begins anew. */
static int on_seek(void *self, curl_off_t offset, int origin)
{
    struct web *w = self;
    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    w->request->failed = stream_rewind(w->stream, w->request->f) < 0;
    return w->request->failed ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static void set_body(struct web *w)
{
    CURL *easy = w->request->easy;
    if (w->stream) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)w->stream->src->size);
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, w);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, w);
    } else if (w->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)w->length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, w->body);
    }
}

int web_run(struct web *w, struct fault *f)
{
    web_fini(w);
    w->status = 0;
    if (web_request_init(w, f) < 0)
        return -1;
    CURL *easy = w->request->easy;
    CURLM *running = w->request->links->running;
    set_body(w);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, w);
    if (curl_multi_add_handle(running, easy) != CURLM_OK)
        return fault_set(f, REASON_UNREACHABLE, true, "libcurl cannot begin with %s",
                         w->request->shown);
    int rc;
    while ((rc = web_drive(running, f)) == 0 && !w->request->over)
        curl_multi_poll(running, NULL, 0, 250, NULL);
    curl_multi_remove_handle(running, easy);
    return rc < 0 ? -1 : web_request_fault(w, f);
}
