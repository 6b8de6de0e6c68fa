/* execdm-http: one exchange with a web service, for the programs that must not load libcurl. The
 * description comes on standard input, the answer goes to standard output, both JSON. */
#include <curl/curl.h>
#include "cli/prog.h"
#include "host/clock.h"
#include "model/reach.h"
#include "sign.h"
#include "text/doc.h"
#include "text/uri.h"

#define REDIRECTS_MAX 5
#define CONNECT_MS 10000L
#define DEADLINE_S 30.0
#define CREDENTIAL_MAX 16384

enum fault { UNREACHABLE, TIMEOUT, CUT, TLS, TOO_LARGE, REDIRECT, NOT_TEXT, INVALID, FORBIDDEN };
static const char *const faults[] = {"unreachable", "timeout", "cut",     "tls",      "toolarge",
                                     "redirect",    "nottext", "invalid", "forbidden"};

static const struct {
    CURLcode code;
    enum fault fault;
} curl_rows[] = {
    {CURLE_OPERATION_TIMEDOUT, TIMEOUT},
    {CURLE_GOT_NOTHING, CUT},
    {CURLE_PARTIAL_FILE, CUT},
    {CURLE_RECV_ERROR, CUT},
    {CURLE_SEND_ERROR, CUT},
    {CURLE_WEIRD_SERVER_REPLY, INVALID},
    {CURLE_UNSUPPORTED_PROTOCOL, INVALID},
    {CURLE_URL_MALFORMAT, INVALID},
    {CURLE_SSL_CONNECT_ERROR, TLS},
    {CURLE_PEER_FAILED_VERIFICATION, TLS},
    {CURLE_SSL_CACERT_BADFILE, TLS},
};

/* Of the answer's headers, what somebody wants to know. */
static const char *const kept[] = {"content-type", "location", "retry-after", "allow",
                                   "www-authenticate"};

struct exchange {
    /* what is asked */
    const char *method, *body;
    char *url;
    json_t *headers;
    bool follow;
    json_t *hosts;     /* that may be reached, NULL: all */
    int only_public;   /* no private addresses */
    json_t *signature; /* {"id", "key"}, or NULL */
    size_t max;
    int64_t deadline; /* of clock_boot */
    char *origin;     /* who the credential is for */
    char *credential; /* value of the Authorization header, or NULL */
    /* what comes */
    struct buf answer;
    json_t *answer_headers;
    bool flooded, sent, refused;
    long status;
    char detail[CURL_ERROR_SIZE];
};

static void exchange_fini(struct exchange *x)
{
    free(x->url);
    free(x->origin);
    free(x->credential);
    json_decref(x->answer_headers);
    json_decref(x->headers);
    buf_fini(&x->answer);
}

/* "https://host:443" of a URL: whom a credential is shown to, and nobody else. */
static char *origin_of(const char *url)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *origin = NULL;
    CURLU *u = curl_url();
    if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        (str_same(scheme, "http") || str_same(scheme, "https")))
        origin = str_print("%s://%s:%s", scheme, host, port);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    for (char *c = origin; c && *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
    return origin;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *self)
{
    struct exchange *x = self;
    x->flooded = x->answer.len + size * n > x->max;
    if (x->flooded)
        return 0;
    buf_add(&x->answer, bytes, size * n);
    return size * n;
}

static size_t on_header(char *line, size_t size, size_t n, void *self)
{
    struct exchange *x = self;
    own(str_fini) char *text = str_print("%.*s", (int)(size * n), line);
    text[strcspn(text, "\r\n")] = '\0';
    if (str_begins(text, "HTTP/"))
        json_object_clear(x->answer_headers);
    for (size_t i = 0; i < COUNT(kept); i++) {
        size_t len = strlen(kept[i]);
        if (strncasecmp(text, kept[i], len) != 0 || text[len] != ':')
            continue;
        const char *value = text + len + 1;
        json_object_set_new(x->answer_headers, kept[i], json_string(value + strspn(value, " \t")));
    }
    return size * n;
}

static struct curl_slist *header_list(const struct exchange *x, bool trusted)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    const char *name;
    json_t *value;
    json_object_foreach (x->headers, name, value) {
        own(str_fini) char *line = str_print("%s: %s", name, json_string_value(value));
        if (x->body || strcasecmp(name, "content-type") != 0)
            list = curl_slist_append(list, line);
    }
    if (x->credential && trusted) {
        own(str_fini) char *line = str_print("Authorization: %s", x->credential);
        list = curl_slist_append(list, line);
    }
    return list;
}

/* Before a connection: whatever a name or an answer of DNS leads to, this is where it goes. */
static curl_socket_t on_open(void *self, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct exchange *x = self;
    if (purpose == CURLSOCKTYPE_IPCXN && x->only_public && reach_private(&to->addr)) {
        x->refused = true;
        return CURL_SOCKET_BAD;
    }
    x->refused = false;
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static void set_options(struct exchange *x, CURL *easy, const struct curl_slist *headers)
{
    const char *authorities = getenv("CURL_CA_BUNDLE"); /* as curl(1) does */
    int64_t left = x->deadline - clock_boot();
    long ms = left < 1 ? 1 : (long)left;
    if (!authorities)
        authorities = getenv("SSL_CERT_FILE");
    if (authorities && *authorities)
        curl_easy_setopt(easy, CURLOPT_CAINFO, authorities);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    curl_easy_setopt(easy, CURLOPT_URL, x->url);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "execdm/" PACKAGE_VERSION);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, ms < CONNECT_MS ? ms : CONNECT_MS);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->detail);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
    if (x->body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(x->body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, x->body);
    }
    if (str_same(x->method, "HEAD"))
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, x->method);
}

static int failed(const struct exchange *x, enum fault fault, const char *text, json_t **reply)
{
    own(str_fini) char *shown = uri_shown(x->url);
    own(str_fini) char *said = str_print("cannot %s %s: %s", x->method, shown, text);
    own(str_fini) char *utf8 = prog_utf8(said);
    *reply = json_pack("{s:s,s:{s:s,s:s,s:b}}", "url", x->url, "error", "kind", faults[fault],
                       "text", utf8, "sent", x->sent);
    if (x->status)
        json_object_set_new(json_object_get(*reply, "error"), "status",
                            json_integer((int)x->status));
    return 0;
}

static enum fault fault_of(CURLcode code)
{
    for (size_t i = 0; i < COUNT(curl_rows); i++)
        if (curl_rows[i].code == code)
            return curl_rows[i].fault;
    return UNREACHABLE;
}

/* Where the answer leads, when it does and that may be followed: 1. */
static int redirected(struct exchange *x, const char *to, int hops, json_t **reply)
{
    if (!x->follow || x->status / 100 != 3 || !to)
        return 0;
    own(str_fini) char *here = origin_of(x->url);
    own(str_fini) char *there = origin_of(to);
    if (!there)
        return failed(x, REDIRECT, "it leads to a URL that is not http: or https:", reply);
    if (str_begins(here, "https:") && !str_begins(there, "https:"))
        return failed(x, REDIRECT, "it leads from https: to http:", reply);
    if (hops == REDIRECTS_MAX)
        return failed(x, REDIRECT, "it leads from one URL to another without an end", reply);
    /* as every client does: what was POSTed is not POSTed elsewhere unless the status says so */
    if (x->status == 303 || ((x->status == 301 || x->status == 302) && str_same(x->method, "POST")))
        x->method = str_same(x->method, "HEAD") ? x->method : "GET", x->body = NULL;
    free(x->url);
    x->url = str_new(to);
    return 1;
}

/* One request. 1: it leads on to x->url; 0: *reply says how it ended. */
static int hop(struct exchange *x, int hops, json_t **reply)
{
    long size = 0;
    char *to = NULL;
    own(str_fini) char *origin = origin_of(x->url);
    own(str_fini) char *host = origin ? uri_host(origin) : NULL;
    if (!origin)
        return failed(x, INVALID, "expected an http: or https: URL", reply);
    if (!reach_host(x->hosts, host))
        return failed(x, FORBIDDEN, "the site does not let this host be reached", reply);
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = header_list(x, str_same(origin, x->origin));
    x->answer.len = 0;
    x->detail[0] = '\0';
    set_options(x, easy, headers);
    CURLcode code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &size);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &x->status);
    curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &to);
    x->sent |= size > 0;
    int rc;
    if (x->flooded) {
        char text[64];
        snprintf(text, sizeof(text), "the answer has more than %zu bytes", x->max);
        rc = failed(x, TOO_LARGE, text, reply);
    } else if (code != CURLE_OK && x->refused) {
        rc = failed(x, FORBIDDEN, "the site does not let private addresses be reached", reply);
    } else if (code != CURLE_OK) {
        rc = failed(x, fault_of(code), x->detail[0] ? x->detail : curl_easy_strerror(code), reply);
    } else {
        rc = redirected(x, to, hops, reply);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return rc;
}

static int answered(const struct exchange *x, json_t **reply)
{
    const char *bytes = x->answer.bytes ? x->answer.bytes : "";
    json_t *body = memchr(bytes, 0, x->answer.len) ? NULL : json_stringn(bytes, x->answer.len);
    if (!body)
        return failed(x, NOT_TEXT, "the answer is not text in UTF-8", reply);
    *reply = json_pack("{s:i,s:s,s:O,s:o}", "status", (int)x->status, "url", x->url, "headers",
                       x->answer_headers, "body", body);
    return 0;
}

/* The credential comes by a descriptor: no other process sees it. */
static int read_credential(struct exchange *x, int fd, struct err *err)
{
    char text[CREDENTIAL_MAX + 1];
    size_t len = 0;
    for (ssize_t n; len < CREDENTIAL_MAX; len += (size_t)n) {
        n = read(fd, text + len, CREDENTIAL_MAX - len);
        if (n < 0)
            return err_sys(err, "cannot read the credential from descriptor %d", fd);
        if (n == 0)
            break;
    }
    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    text[len] = '\0';
    if (len == 0 || len == CREDENTIAL_MAX || strlen(text) < len || strpbrk(text, "\r\n"))
        return err_set(err, CODE_DATA,
                       "descriptor %d: expected a credential, the value of an Authorization "
                       "header, on one line",
                       fd);
    x->credential = str_new(text);
    return 0;
}

static bool is_header(const char *name, const json_t *value)
{
    const char *text = json_string_value(value);
    return *name && !strpbrk(name, " :\r\n") && text && !strpbrk(text, "\r\n") &&
           strcasecmp(name, "authorization") != 0; /* that is the credential */
}

static bool is_list_of_texts(const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item)
        if (!json_is_string(item))
            return false;
    return !list || json_is_array(list);
}

static int read_description(json_t *doc, struct exchange *x, struct err *err)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};
    const char *redirects = "follow", *url = NULL, *name;
    double deadline = DEADLINE_S;
    json_int_t max = DOC_BYTES_MAX;
    int fd = -1;
    bool known = false;
    json_error_t e;
    json_t *value;
    if (json_unpack_ex(doc, &e, 0, "{s:s,s:s,s?o,s?s,s?F,s?I,s?s,s?i,s?o,s?b,s?o!}", "method",
                       &x->method, "url", &url, "headers", &x->headers, "body", &x->body,
                       "deadline_s", &deadline, "max_bytes", &max, "redirects", &redirects,
                       "credential_fd", &fd, "hosts", &x->hosts, "public", &x->only_public,
                       "signature", &x->signature) < 0)
        return err_set(err, CODE_DATA, "the description of an exchange is wrong: %s", e.text);
    for (size_t i = 0; i < COUNT(methods); i++)
        known |= str_same(methods[i], x->method);
    if (!known)
        return err_set(err, CODE_DATA,
                       "method: expected GET, HEAD, POST, PUT or DELETE, not \"%s\"", x->method);
    if (!(deadline > 0 && deadline <= 86400) || max < 0)
        return err_set(err, CODE_DATA, "deadline_s or max_bytes is out of range");
    if (!str_same(redirects, "follow") && !str_same(redirects, "none"))
        return err_set(err, CODE_DATA, "redirects: expected follow or none, not \"%s\"", redirects);
    if (!is_list_of_texts(x->hosts))
        return err_set(err, CODE_DATA, "hosts: expected a list of names");
    if (x->headers && !json_is_object(x->headers))
        return err_set(err, CODE_DATA, "headers: expected a mapping of names to values");
    json_incref(x->headers);
    json_object_foreach (x->headers, name, value)
        if (!is_header(name, value))
            return err_set(err, CODE_DATA, "headers: \"%s\" is no header that may be set", name);
    x->follow = str_same(redirects, "follow");
    x->deadline = clock_boot() + (int64_t)(deadline * 1000);
    x->max = (size_t)max;
    x->url = str_new(url);
    x->origin = origin_of(url);
    return fd < 0 ? 0 : read_credential(x, fd, err);
}

/* The headers of the Standard Webhooks; the time is that of this attempt. */
static int sign(struct exchange *x, struct err *err)
{
    const char *id = NULL, *key = NULL;
    char time[24];
    snprintf(time, sizeof(time), "%lld", (long long)clock_ms() / 1000);
    if (!x->signature)
        return 0;
    if (json_unpack(x->signature, "{s:s,s:s!}", "id", &id, "key", &key) < 0 ||
        !is_header("webhook-id", json_object_get(x->signature, "id")))
        return err_set(err, CODE_DATA, "signature: expected an id and a key");
    own(str_fini) char *signature = sign_body(key, id, time, x->body ? x->body : "");
    if (!signature)
        return err_set(err, CODE_UNAVAIL, "cannot sign: this was built without OpenSSL");
    if (!x->headers)
        x->headers = json_object();
    json_object_set_new(x->headers, "webhook-id", json_string(id));
    json_object_set_new(x->headers, "webhook-timestamp", json_string(time));
    json_object_set_new(x->headers, "webhook-signature", json_string(signature));
    return 0;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(json_fini) json_t *doc = NULL;
    own(json_fini) json_t *reply = NULL;
    own(exchange_fini) struct exchange x = {.answer_headers = json_object()};
    if (*operands)
        return err_set(err, CODE_USAGE, "expected nothing, found \"%s\"", *operands);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (doc_file(NULL, &doc, err) < 0 || read_description(doc, &x, err) < 0 || sign(&x, err) < 0)
        return -1;
    for (int hops = 0; hop(&x, hops, &reply) > 0; hops++)
        ;
    if (!reply)
        answered(&x, &reply);
    prog_document(out, reply);
    return CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-http",
    .synopsis = "",
    .about = "Make one HTTP exchange, described in JSON on standard input.",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
