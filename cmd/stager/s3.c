/* S3: where a URL leads, and one signed request. Signatures are libcurl's; what it wants of us is a
 * URL in the canonical form, the digest of the body as a header, and no redirect it would follow.
 */
#include "s3.h"
#include "text/uri.h"

#define HOPS_MAX 3
#define AMAZON "amazonaws.com"
#define NO_BODY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* What a service says in its own words, and what another try may do about it. */
static const struct {
    const char *code;
    enum reason reason;
    bool transient;
    const char *meaning;
} codes[] = {
    {"AccessDenied", REASON_DENIED, false, "does not allow it"},
    {"AllAccessDisabled", REASON_DENIED, false, "does not allow it to anybody"},
    {"AuthorizationHeaderMalformed", REASON_DENIED, false, "wants another region; see AWS_REGION"},
    {"BadDigest", REASON_CORRUPT, true, "got other bytes than were sent"},
    {"EntityTooLarge", REASON_NOROOM, false, "takes no object as large"},
    {"ExpiredToken", REASON_DENIED, false, "says that the session token has expired"},
    {"InternalError", REASON_UNREACHABLE, true, "is in trouble"},
    {"InvalidAccessKeyId", REASON_DENIED, false, "does not know the access key"},
    {"InvalidBucketName", REASON_INVALID, false, "has no bucket of such a name"},
    {"InvalidObjectState", REASON_DENIED, false, "has it in an archive; restore it first"},
    {"InvalidToken", REASON_DENIED, false, "does not know the session token"},
    {"KeyTooLongError", REASON_INVALID, false, "takes no key as long"},
    {"NoSuchBucket", REASON_NOTFOUND, false, "has no such bucket"},
    {"NoSuchKey", REASON_NOTFOUND, false, "has no such object"},
    {"NoSuchUpload", REASON_CORRUPT, true, "lost the parts that were sent"},
    {"QuotaExceeded", REASON_NOROOM, false, "has no room left for this user"},
    {"RequestTimeout", REASON_UNREACHABLE, true, "waited too long"},
    {"RequestTimeTooSkewed", REASON_DENIED, false, "has another time"},
    {"ServiceUnavailable", REASON_UNREACHABLE, true, "is too busy"},
    {"SignatureDoesNotMatch", REASON_DENIED, false, "says that the secret key is wrong"},
    {"SlowDown", REASON_UNREACHABLE, true, "is asked too often"},
    {"XAmzContentSHA256Mismatch", REASON_CORRUPT, true, "got other bytes than were sent"},
};

/* --- documents --- */

struct looking {
    const char *name;
    char *text;
};

static void on_element(void *self, const char *name)
{
    (void)self, (void)name;
}

static void on_text(void *self, const char *name, const char *text)
{
    struct looking *l = self;
    if (!l->text && str_same(name, l->name))
        l->text = str_new(text);
}

char *s3_said(const struct web *w, const char *name)
{
    struct looking l = {name, NULL};
    struct xml *x = w->said.len ? xml_new(on_element, on_text, &l) : NULL;
    bool whole = x && xml_add(x, w->said.bytes, w->said.len) == 0 && xml_end(x) == 0;
    xml_free(x);
    if (!whole)
        str_fini(&l.text);
    return l.text;
}

/* The status says little: 403 may be a clock. */
static void explain(const struct web *w, struct fault *f)
{
    own(str_fini) char *code = s3_said(w, "Code");
    own(str_fini) char *shown = url_bare(w->url);
    const char *time = web_header(w, "Date");
    long pause = f->pause;
    for (size_t i = 0; code && i < COUNT(codes); i++)
        if (str_same(code, codes[i].code)) {
            bool clock = str_same(code, "RequestTimeTooSkewed");
            fault_set(f, codes[i].reason, codes[i].transient,
                      "cannot %s %s: the server %s%s%s (HTTP %ld, %s)", w->verb, shown,
                      codes[i].meaning, clock ? "; set this machine's clock, there it is " : "",
                      !clock ? ""
                      : time ? time
                             : "not",
                      w->status, code);
            f->pause = pause;
        }
    if (f->reason == REASON_DENIED && !w->access->user) {
        size_t n = strlen(f->text);
        snprintf(f->text + n, sizeof(f->text) - n,
                 "; no credential was sent, as none is known for this host");
    }
}

/* --- where --- */

static bool is_loopback(const char *host)
{
    own(str_fini) char *url = str_print("http://%s/", host);
    return url_is_secret(url);
}

static bool is_amazon(const char *host)
{
    return credential_covers(AMAZON, host) || credential_covers(AMAZON ".cn", host);
}

/* "https://s3.example.org/x", "https://{bucket}.s3.example.org/{object}",
 * "https://example.org/{bucket}/{object}". */
static int take_endpoint(struct s3 *p, const char *text, struct fault *f)
{
    static const char *const ends[] = {"{object}", "{key}"};
    own(str_fini) char *url = str_new(text);
    for (size_t i = 0; i < COUNT(ends); i++)
        if (strstr(url, ends[i]))
            *strstr(url, ends[i]) = '\0';
    size_t n = strlen(url);
    while (n > 0 && url[n - 1] == '/')
        url[--n] = '\0';
    if (n > 9 && str_same(url + n - 9, "/{bucket}"))
        url[n - 9] = '\0';
    own(str_fini) char *scheme = uri_scheme(url);
    const char *host = strstr(url, "://");
    bool web = str_same(scheme, "http") || str_same(scheme, "https");
    host = web && host ? host + 3 : "";
    bool virtual = str_begins(host, "{bucket}.");
    host += virtual ? strlen("{bucket}.") : 0;
    size_t end = strcspn(host, "/");
    if (end == 0 || strcspn(host, "@?#{} ") < strlen(host)) {
        own(str_fini) char *shown = uri_shown(text);
        return fault_set(f, REASON_INVALID, false,
                         "%s: expected the URL of an S3 service, like https://s3.example.org or "
                         "https://{bucket}.s3.example.org",
                         shown);
    }
    free(p->scheme), free(p->host), free(p->path);
    p->virtual = virtual;
    p->scheme = move(scheme);
    p->host = str_print("%.*s", (int)end, host);
    p->path = str_new(host + end);
    return 0;
}

/* The name in front of a host must be one of hosts, and one label where a certificate counts. */
static bool fits_host(const char *bucket)
{
    size_t n = strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return n == strlen(bucket) && n >= 3 && n <= 63;
}

static int find_endpoint(struct s3 *p, const char *asked, const struct credential *person,
                         struct fault *f)
{
    if (asked)
        return take_endpoint(p, asked, f);
    if (person->endpoint)
        return take_endpoint(p, person->endpoint, f);
    own(str_fini) char *amazon =
        str_print("https://%ss3.%s." AMAZON, fits_host(p->bucket) ? "{bucket}." : "", p->region);
    return take_endpoint(p, amazon, f);
}

/* Is the person's credential for the host this leads to? */
static bool is_persons(const struct s3 *p, const struct credential *person)
{
    struct s3 theirs = {0};
    struct fault ignored;
    if (!person->key)
        return false;
    if (!person->endpoint)
        return is_amazon(p->host);
    bool same =
        take_endpoint(&theirs, person->endpoint, &ignored) == 0 &&
        (credential_covers(theirs.host, p->host) || (is_amazon(theirs.host) && is_amazon(p->host)));
    s3_fini(&theirs);
    return same;
}

static int take_credential(struct s3 *p, const struct credential *person, struct fault *f)
{
    const struct credential *c;
    if (credential_given(p->host, &c, f) < 0)
        return -1;
    if (!c && is_persons(p, person))
        c = person;
    if (!c)
        return 0;
    if (c->region) {
        free(p->region);
        p->region = str_new(c->region);
    }
    if (str_same(p->scheme, "http") && !is_loopback(p->host))
        return fault_set(f, REASON_DENIED, false,
                         "%s: a credential is not used over http:, only over https:", p->shown);
    p->user = str_print("%s:%s", c->key, c->secret);
    if (c->token)
        strs_print(&p->headers, "x-amz-security-token: %s", c->token);
    return 0;
}

/* What follows s3://: bucket, key and query. */
static int take_url(struct s3 *p, const char *url, char **endpoint, struct fault *f)
{
    const char *rest = strchr(url, ':') + 1;
    rest += str_begins(rest, "//") ? 2 : 0;
    size_t bucket = strcspn(rest, "/?#"), end = strcspn(rest, "?#");
    own(str_fini) char *name = str_print("%.*s", (int)bucket, rest);
    own(str_fini) char *path =
        str_print("%.*s", (int)(end - bucket), rest + bucket); /* "" or "/..." */
    p->bucket = uri_decode(name);
    p->key = uri_decode(*path ? path + 1 : path);
    p->query = str_new(rest + end);
    if (str_begins(p->query, "?endpoint=") && !strpbrk(p->query, "&#"))
        *endpoint = uri_decode(p->query + strlen("?endpoint="));
    else if (*p->query)
        return fault_set(
            f, REASON_INVALID, false,
            "%s: after the key only ?endpoint=URL may follow; in a key write ? as %%3F "
            "and # as %%23",
            p->shown);
    if (!p->bucket || !*p->bucket || !p->key || strchr(p->bucket, '/') ||
        str_same(p->bucket, ".") || str_same(p->bucket, ".."))
        return fault_set(f, REASON_INVALID, false,
                         "%s: expected s3://BUCKET/KEY; in a key write %% as %%25", p->shown);
    if (strlen(p->key) > 1024)
        return fault_set(f, REASON_INVALID, false, "%s: a key has at most 1024 bytes", p->shown);
    return 0;
}

/* The headers a signature covers; libcurl copies them. */
static void sign(struct s3 *p, const char *sum)
{
    free(p->sign);
    p->sign = p->user ? str_print("aws:amz:%s:s3", p->region) : NULL;
    if (p->headers.n > 0 && str_begins(p->headers.list[p->headers.n - 1], "x-amz-content-sha256:"))
        free(p->headers.list[--p->headers.n]), p->headers.list[p->headers.n] = NULL;
    if (p->user)
        strs_print(&p->headers, "x-amz-content-sha256: %s", sum);
    p->access = (struct access){p->user, p->sign, p->headers.list, true, explain};
}

int s3_init(struct s3 *p, const char *url, struct fault *f)
{
    own(str_fini) char *endpoint = NULL;
    *p = (struct s3){.shown = url_bare(url)};
    const struct credential *person = credential_person(f);
    if (!person || take_url(p, url, &endpoint, f) < 0)
        return -1;
    p->region = str_new(person->region ? person->region : "us-east-1");
    if (find_endpoint(p, endpoint, person, f) < 0)
        return -1;
    if (p->virtual && !fits_host(p->bucket) && !is_loopback(p->host))
        return fault_set(f, REASON_INVALID, false,
                         "%s: the bucket's name cannot be a part of a host's name", p->shown);
    if (take_credential(p, person, f) < 0)
        return -1;
    sign(p, NO_BODY);
    return 0;
}

void s3_fini(struct s3 *p)
{
    free(p->bucket), free(p->key), free(p->query);
    free(p->scheme), free(p->host), free(p->path);
    free(p->region), free(p->shown), free(p->user), free(p->sign);
    strs_fini(&p->headers);
    *p = (struct s3){0};
}

/* --- one request --- */

/* All but what nobody encodes; a query's slash, too. */
static void add_value(struct buf *b, const char *text)
{
    own(str_fini) char *encoded = uri_below("", text);
    for (const char *c = encoded; *c; c++) {
        if (*c == '/')
            buf_str(b, "%2F");
        else
            buf_char(b, *c);
    }
}

char *s3_url(const struct s3 *p, const char *key, const struct s3_query *query)
{
    struct buf b = {0};
    own(str_fini) char *bucket = uri_below("", p->bucket);
    own(str_fini) char *object = uri_below("", key ? key : "");
    buf_print(&b, "%s://%s%s%s%s", p->scheme, p->virtual ? bucket : "", p->virtual ? "." : "",
              p->host, p->path);
    if (!p->virtual)
        buf_print(&b, "/%s", bucket);
    buf_print(&b, "/%s", object);
    char mark = '?';
    for (; query && query->name; query++) {
        if (!query->value)
            continue;
        buf_print(&b, "%c%s=", mark, query->name);
        add_value(&b, query->value);
        mark = '&';
    }
    return buf_take(&b);
}

static int hash(const char *bytes, size_t n, char sum[CHECKSUM_TEXT], struct fault *f)
{
    struct digest *d = digest_new(NULL, f);
    if (!d)
        return -1;
    digest_add(d, bytes, n);
    digest_end(d, NULL, sum);
    digest_free(d);
    return 0;
}

/* Another host of the same service, which may be shown our credential. */
static bool is_family(const struct s3 *p, const char *host)
{
    return credential_covers(p->host, host) || (is_amazon(p->host) && is_amazon(host));
}

static int go_to(struct s3 *p, const char *scheme, const char *host, struct fault *f)
{
    if (!is_family(p, host) || (str_same(p->scheme, "https") && !str_same(scheme, "https")))
        return fault_set(
            f, REASON_DENIED, false,
            "%s leads to %s://%s, which is no host of the same service; name it as the "
            "endpoint when you trust it",
            p->shown, scheme, host);
    size_t n = strlen(p->bucket);
    bool virtual = strncasecmp(host, p->bucket, n) == 0 && host[n] == '.';
    own(str_fini) char *endpoint = str_print("%s://%s%s%s", scheme, virtual ? "{bucket}." : "",
                                             virtual ? host + n + 1 : host, p->path);
    return take_endpoint(p, endpoint, f);
}

/* A bucket that is elsewhere: 1 when p leads there now, 0 when the answer is no word about it. */
static int follow(struct s3 *p, const struct web *w, struct fault *f)
{
    bool moved = w->status == 301 || w->status == 302 || w->status == 307 || w->status == 308;
    const char *told = web_header(w, "x-amz-bucket-region");
    own(str_fini) char *region = told ? str_new(told) : s3_said(w, "Region");
    own(str_fini) char *endpoint = s3_said(w, "Endpoint");
    bool other = region && !str_same(region, p->region);
    if (!moved && !(w->status == 400 && other))
        return 0;
    const char *location = web_header(w, "Location");
    own(str_fini) char *scheme = location ? uri_scheme(location) : NULL;
    const char *host = scheme ? strstr(location, "://") : NULL;
    if (other) {
        free(p->region);
        p->region = str_new(region);
    }
    if (host) {
        own(str_fini) char *name = str_print("%.*s", (int)strcspn(host + 3, "/?#"), host + 3);
        return go_to(p, scheme, name, f) < 0 ? -1 : 1;
    }
    if (endpoint)
        return go_to(p, p->scheme, endpoint, f) < 0 ? -1 : 1;
    if (other && is_amazon(p->host)) {
        free(p->host);
        p->host = str_print("s3.%s." AMAZON, p->region);
    }
    return other;
}

int s3_run(struct s3 *p, struct web *w, const char *key, const struct s3_query *query,
           struct fault *f)
{
    char sum[CHECKSUM_TEXT] = "sha256:" NO_BODY;
    if (w->body && hash(w->body, w->length, sum, f) < 0)
        return -1;
    for (int hops = 0;; hops++) {
        own(str_fini) char *url = s3_url(p, key, query);
        sign(p, strchr(sum, ':') + 1);
        w->url = url;
        w->access = &p->access;
        int rc = web_run(w, f), on = rc < 0 && hops < HOPS_MAX ? follow(p, w, f) : 0;
        w->url = NULL;
        if (on <= 0)
            return rc < 0 ? -1 : 0;
    }
}

/* MD5 it is when the object came in one piece and is not encrypted with a key of the user's. */
char *s3_etag_md5(const struct web *w, const char *etag)
{
    const char *how = web_header(w, "x-amz-server-side-encryption");
    if (!etag || (how && !str_same(how, "AES256")) ||
        web_header(w, "x-amz-server-side-encryption-customer-algorithm"))
        return NULL;
    etag += *etag == '"';
    own(str_fini) char *sum = str_print("md5:%.32s", etag);
    return etag[strspn(etag, "0123456789abcdefABCDEF")] == '"' || strlen(etag) == 32
               ? checksum_parse(sum)
               : NULL;
}
