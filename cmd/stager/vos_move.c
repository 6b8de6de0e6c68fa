/* vos: as a source, as a destination, and what is asked beforehand. The service is asked where the
 * bytes are (a transfer is negotiated), and each place it names is used once. */
#include "vos.h"
#include "text/uri.h"

#define HOPS_MAX 10
#define PEEK (64 * 1024) /* what a document of a transfer may have */

/* --- a transfer is negotiated --- */

struct deal {
    struct strs places;   /* URLs in the order of the service */
    bool *token;          /* one is to be sent there; else the URL is its own permission */
    size_t next;          /* the first that is not used */
    struct source *bytes; /* the service led to them at once, or NULL */
    struct buf peeked;    /* what was read of them already */
};

static void deal_fini(struct deal *d)
{
    source_close(&d->bytes);
    buf_fini(&d->peeked);
    strs_fini(&d->places);
    free(d->token);
    *d = (struct deal){0};
}

struct reading {
    struct xml *xml;
    struct deal *deal;
    bool push, begun, transfer; /* the outermost element is a transfer */
    bool usable, token;         /* the protocol we are in */
    char *endpoint;
};

static void on_start(void *self, const char *name)
{
    struct reading *r = self;
    if (!r->begun)
        r->transfer = str_same(name, "transfer");
    r->begun = true;
    if (str_same(name, "protocol")) {
        own(str_fini) char *uri = xml_attribute(r->xml, "uri");
        const char *mark = uri ? strrchr(uri, '#') : NULL;
        const char *secure = r->push ? "#httpsput" : "#httpsget";
        const char *plain = r->push ? "#httpput" : "#httpget";
        r->usable = str_same(mark, secure) || str_same(mark, plain);
        r->token = false;
        str_fini(&r->endpoint);
    } else if (str_same(name, "securityMethod")) {
        own(str_fini) char *uri = xml_attribute(r->xml, "uri");
        bool anybody = !uri || !*uri || str_same(strrchr(uri, '#'), "#anon");
        r->token = r->token || str_same(uri, VOS_TOKEN);
        r->usable = r->usable && (anybody || r->token);
    }
}

static void take_place(struct reading *r)
{
    struct deal *d = r->deal;
    struct fault ignored;
    const char *bearer = NULL;
    own(str_fini) char *scheme = r->endpoint ? uri_scheme(r->endpoint) : NULL;
    if (!r->usable || !(str_same(scheme, "http") || str_same(scheme, "https")))
        return;
    if (r->token && (credential_bearer(r->endpoint, &bearer, &ignored) < 0 || !bearer))
        return;
    d->token = mem_grow(d->token, d->places.n + 1, sizeof(*d->token));
    d->token[d->places.n] = r->token;
    strs_add(&d->places, r->endpoint);
}

static void on_end(void *self, const char *name, const char *text)
{
    struct reading *r = self;
    if (str_same(name, "endpoint")) {
        const char *at = text + strspn(text, " \t\r\n");
        free(r->endpoint);
        r->endpoint = str_print("%.*s", (int)strcspn(at, " \t\r\n"), at);
    } else if (str_same(name, "protocol")) {
        take_place(r);
    }
}

/* Is it the document of a transfer? Then its places are in the deal. */
static bool read_transfer(struct deal *d, bool push, const char *bytes, size_t n)
{
    struct reading r = {.deal = d, .push = push};
    r.xml = xml_new(on_start, on_end, &r);
    bool whole = r.xml && xml_add(r.xml, bytes, n) == 0 && xml_end(r.xml) == 0;
    xml_free(r.xml);
    str_fini(&r.endpoint);
    return whole && r.transfer;
}

/* The elements are a sequence: target, direction, protocols, params. */
static void write_transfer(struct buf *b, const struct vos *v, bool push, int64_t size)
{
    static const char *const protocols[2][2] = {{"httpsget", "httpget"}, {"httpsput", "httpput"}};
    own(str_fini) char *target = vos_target(v, v->path);
    buf_str(b, "<vos:transfer xmlns:vos=\"" VOS_XML "\" version=\"2.1\"><vos:target>");
    vos_escape(b, target);
    buf_print(b, "</vos:target><vos:direction>%s</vos:direction>",
              push ? "pushToVoSpace" : "pullFromVoSpace");
    for (size_t i = 0; i < 2; i++)
        buf_print(b,
                  "<vos:protocol uri=\"" VOS_CORE "%s\"><vos:securityMethod uri=\"" VOS_TOKEN
                  "\"/></vos:protocol><vos:protocol uri=\"" VOS_CORE "%s\"/>",
                  protocols[push][i], protocols[push][i]);
    if (size >= 0)
        buf_print(b, "<vos:param uri=\"" VOS_CORE "length\">%" PRId64 "</vos:param>", size);
    buf_str(b, "</vos:transfer>");
}

/* The word of {job}/error: the job is above /results/, or is the last name of the URL. */
static bool ask_job(const struct vos *v, const char *details, const char *verb, struct fault *f)
{
    const char *end = strstr(details, "/results/");
    own(str_fini) char *bare = str_print("%.*s", (int)strcspn(details, "?#"), details);
    const char *id = strrchr(bare, '/');
    const struct vos_place *places[] = {&v->service->sync, &v->service->transfers};
    for (size_t i = 0; i < (end ? 1 : COUNT(places)); i++) {
        if (!end && !places[i]->url)
            continue;
        own(str_fini) char *url = end ? str_print("%.*s/error", (int)(end - details), details)
                                      : str_print("%s%s/error", places[i]->url, id ? id : "");
        own(web_fini) struct web w = {.verb = verb, .method = "GET", .url = url};
        struct fault why;
        if (vos_run(&w, places[i]->token, &why) == 0 && w.said.len &&
            vos_fault(w.said.bytes, verb, v->shown, f))
            return true;
    }
    return false;
}

static bool same_origin(const char *a, const char *b)
{
    const char *at = strstr(a, "://");
    size_t n = at ? (size_t)(at + 3 - a) + strcspn(at + 3, "/?#") : 0;
    return n > 0 && strncasecmp(a, b, n) == 0 && strchr("/?#", b[n]);
}

/* Reads ahead as much as a document could have. */
static int peek(struct deal *d, struct fault *f)
{
    char bytes[4096];
    ssize_t n = 1;
    buf_str(&d->peeked, "");
    while (n > 0 && d->peeked.len < PEEK) {
        n = d->bytes->read(d->bytes, bytes, sizeof(bytes), f);
        if (n > 0)
            buf_add(&d->peeked, bytes, (size_t)n);
    }
    return n < 0 ? -1 : 0;
}

static int no_way(const struct vos *v, const char *details, bool push, struct fault *f)
{
    const char *verb = push ? "put" : "get";
    if (details && ask_job(v, details, verb, f))
        return -1;
    return fault_set(f, REASON_UNSUPPORTED, false,
                     "cannot %s %s: the service offers no way to move it that we could use", verb,
                     v->shown);
}

/* Where the service led: to the document, or to the bytes themselves. A token is shown only to the
 * service itself on this way. */
static int follow(struct deal *d, const struct vos *v, bool push, const char *from,
                  const char *location, struct fault *f)
{
    own(str_fini) char *url = uri_resolve(from, location);
    for (int hops = 0; url && hops < HOPS_MAX; hops++) {
        own(vos_key_fini) struct vos_key k = {0};
        bool ours = v->service->sync.token && same_origin(v->service->sync.url, url);
        if (str_begins(from, "https:") && !str_begins(url, "https:"))
            break;
        if (vos_key_init(&k, url, ours, f) < 0)
            return -1;
        d->bytes = web_source(url, &k.access);
        int rc = d->bytes->begin(d->bytes, f);
        const struct web *w = web_answer(d->bytes);
        const char *next = web_header(w, "Location"), *type = web_header(w, "Content-Type");
        if (rc < 0 && w->status / 100 == 3 && next) {
            char *there = uri_resolve(url, next);
            free(url);
            url = there;
            source_close(&d->bytes);
            continue;
        }
        if (rc < 0 && w->status >= 400)
            ask_job(v, url, push ? "put" : "get", f);
        if (rc < 0 || (type && strstr(type, "xml") && peek(d, f) < 0))
            return -1;
        bool document = d->peeked.len && d->peeked.len < PEEK &&
                        read_transfer(d, push, d->peeked.bytes, d->peeked.len);
        if (!document && !push)
            return 0;
        source_close(&d->bytes);
        d->peeked.len = 0;
        return d->places.n > 0 ? 0 : no_way(v, url, push, f);
    }
    return fault_set(f, REASON_DENIED, false, "%s: the service leads from one place to the next",
                     v->shown);
}

static int negotiate(struct deal *d, const struct vos *v, bool push, int64_t size, struct fault *f)
{
    char *type[] = {"Content-Type: text/xml", NULL};
    own(buf_fini) struct buf b = {0};
    const struct vos_place *sync = &v->service->sync;
    deal_fini(d);
    if (vos_name_service(v, f) < 0)
        return -1;
    write_transfer(&b, v, push, size);
    own(web_fini) struct web w = {.verb = push ? "put" : "get",
                                  .method = "POST",
                                  .url = sync->url,
                                  .headers = type,
                                  .body = b.bytes,
                                  .length = b.len};
    int rc = vos_run(&w, sync->token, f);
    const char *location = web_header(&w, "Location");
    if (rc < 0 && w.status / 100 == 3 && location)
        return follow(d, v, push, sync->url, location, f);
    if (rc < 0) {
        if (w.said.len) /* its word, and what it was about */
            vos_fault(w.said.bytes, w.verb, v->shown, f);
        return -1;
    }
    if (!w.said.len || !read_transfer(d, push, w.said.bytes, w.said.len))
        return fault_set(f, REASON_CORRUPT, true, "%s: the service's answer is no transfer",
                         v->shown);
    return d->places.n > 0 ? 0 : no_way(v, location, push, f);
}

/* --- checksums in headers --- */

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* "md5:HEX" of 24 characters of base64, or NULL. The caller frees. */
static char *md5_of(const char *base64)
{
    own(buf_fini) struct buf sum = {0};
    unsigned bits = 0, n = 0;
    buf_str(&sum, "md5:");
    for (; base64 && *base64 && strchr(digits64, *base64); base64++) {
        bits = bits << 6 | (unsigned)(strchr(digits64, *base64) - digits64);
        n += 6;
        if (n >= 8) {
            n -= 8;
            buf_print(&sum, "%02x", bits >> n & 0xff);
        }
    }
    return checksum_parse(sum.bytes);
}

/* What an answer says of the bytes it has: Digest: md5=..., or Content-MD5. */
static char *told_md5(const struct web *w)
{
    const char *digest = web_header(w, "Digest"), *md5 = web_header(w, "Content-MD5");
    for (; digest; digest = strchr(digest, ',')) {
        digest += strspn(digest, ", ");
        if (strncasecmp(digest, "md5=", 4) == 0)
            return md5_of(digest + 4);
        if (!strchr(digest, ','))
            break;
    }
    return md5 ? md5_of(md5) : NULL;
}

/* "md5:HEX" in base64. The caller frees. */
static char *base64_of(const char *md5)
{
    own(buf_fini) struct buf b = {0};
    unsigned bits = 0, n = 0, byte;
    for (const char *hex = md5 + 4; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        bits = bits << 8 | byte;
        for (n += 8; n >= 6; n -= 6)
            buf_char(&b, digits64[bits >> (n - 6) & 63]);
    }
    if (n > 0)
        buf_char(&b, digits64[bits << (6 - n) & 63]);
    buf_str(&b, "==");
    return buf_take(&b);
}

/* --- as a source --- */

struct vos_source {
    struct source base;
    struct vos v;
    struct deal deal;
    struct source *inner;
    size_t peeked;         /* bytes given out of what was peeked */
    struct digest *digest; /* NULL: nothing to compare with */
    char *want;
    int64_t count;
};

static void compare_anew(struct vos_source *s)
{
    struct fault ignored;
    digest_free(s->digest);
    free(s->want);
    s->count = 0;
    s->want = told_md5(web_answer(s->inner));
    s->digest = s->want ? digest_new(s->want, &ignored) : NULL;
    s->base.size = s->inner->size;
}

/* The next place that gives the bytes. */
static int begin_next(struct vos_source *s, struct fault *f)
{
    struct deal *d = &s->deal;
    while (d->next < d->places.n && !stager_signal) {
        own(vos_key_fini) struct vos_key k = {0};
        const char *url = d->places.list[d->next];
        if (vos_key_init(&k, url, d->token[d->next++], f) < 0)
            return -1;
        k.access.exact = false; /* libcurl follows, and shows the token to this host only */
        source_close(&s->inner);
        s->inner = web_source(url, d->token[d->next - 1] ? &k.access : NULL);
        if (s->inner->begin(s->inner, f) == 0)
            return 0;
        if (f->reason == REASON_STOPPED)
            break;
    }
    return -1;
}

static int vos_begin(struct source *src, struct fault *f)
{
    struct vos_source *s = (struct vos_source *)src;
    int rc = -1;
    s->peeked = 0;
    if (s->deal.next < s->deal.places.n)
        rc = begin_next(s, f);
    if (rc < 0 && stager_signal)
        return -1;
    if (rc < 0 && negotiate(&s->deal, &s->v, false, -1, f) < 0)
        return -1;
    if (s->deal.bytes) {
        source_close(&s->inner);
        s->inner = s->deal.bytes;
        s->deal.bytes = NULL;
        rc = 0;
    }
    if (rc < 0 && begin_next(s, f) < 0)
        return -1;
    compare_anew(s);
    return 0;
}

static ssize_t take_bytes(struct vos_source *s, char *bytes, size_t n, struct fault *f)
{
    size_t ready = s->deal.peeked.len - s->peeked;
    if (ready == 0 || s->deal.places.n > 0)
        return s->inner->read(s->inner, bytes, n, f);
    if (n > ready)
        n = ready;
    memcpy(bytes, s->deal.peeked.bytes + s->peeked, n);
    s->peeked += n;
    return (ssize_t)n;
}

static ssize_t vos_read(struct source *src, char *bytes, size_t n, struct fault *f)
{
    struct vos_source *s = (struct vos_source *)src;
    char sum[CHECKSUM_TEXT];
    ssize_t got = take_bytes(s, bytes, n, f);
    if (got < 0 || !s->digest)
        return got;
    digest_add(s->digest, bytes, (size_t)got);
    s->count += got;
    if (got > 0 && s->count != src->size)
        return got;
    bool same = digest_end(s->digest, s->want, sum);
    digest_free(s->digest);
    s->digest = NULL;
    if (same)
        return got;
    fault_set(f, REASON_CORRUPT, true, "%s does not have the checksum %s, which the server tells",
              src->shown, s->want);
    f->again = f->restart = true;
    return -1;
}

static void vos_close(struct source *src)
{
    struct vos_source *s = (struct vos_source *)src;
    source_close(&s->inner);
    deal_fini(&s->deal);
    vos_fini(&s->v);
    digest_free(s->digest);
    free(s->want);
}

static int look(const struct vos *v, struct vos_node *n, struct fault *f)
{
    if (vos_look(v, v->path, n, f) < 0)
        return -1;
    if (n->kind == KIND_UNKNOWN)
        return fault_set(f, REASON_UNSUPPORTED, false,
                         "%s is a link of the VOSpace; name where it leads", v->shown);
    if (n->kind == KIND_FILE && v->folder)
        return vos_bad(v->shown, "it is a file, but its name ends in a slash", f);
    return 0;
}

static int vos_open(struct transfer *t, const char *url, struct source **src, struct fault *f)
{
    struct vos v = {0};
    own(vos_node_fini) struct vos_node n = {.kind = KIND_FILE};
    bool told = t->item->type == KIND_FILE && t->item->size >= 0; /* as by a listing */
    if (vos_init(&v, url, f) < 0 || (!told && look(&v, &n, f) < 0)) {
        vos_fini(&v);
        return -1;
    }
    struct vos_source *s = mem_new(sizeof(*s));
    s->base = (struct source){
        .kind = n.kind,
        .size = -1,
        .fd = -1,
        .name = url_name(url),
        .shown = str_new(v.shown),
        .begin = vos_begin,
        .read = vos_read,
        .close = vos_close,
    };
    s->v = v;
    *src = &s->base;
    return 0;
}

/* --- as a destination --- */

/* The MD5 of what is to be sent, where it can be read twice; else NULL with rc 0. */
static int md5_before(struct stream *s, char **md5, struct fault *f)
{
    static const char nothing[] = "md5:d41d8cd98f00b204e9800998ecf8427e";
    struct source *src = s->src;
    const char *want = s->want && str_begins(s->want, "md5:") ? s->want : NULL;
    if (want || src->fd < 0) {
        *md5 = str_new(want ? want : src->size == 0 ? nothing : NULL);
        return 0;
    }
    own(str_fini) char *bytes = mem_new(STAGER_BUFFER);
    struct digest *d = digest_new(nothing, f);
    ssize_t n;
    if (!d)
        return -1;
    while ((n = src->read(src, bytes, STAGER_BUFFER, f)) > 0 && !stager_signal)
        digest_add(d, bytes, (size_t)n);
    *md5 = digest_other(d);
    digest_free(d);
    return n < 0 || stream_rewind(s, f) < 0 ? -1 : 0;
}

static int verify(struct stream *s, const struct vos *v, const char *md5, struct fault *f)
{
    own(vos_node_fini) struct vos_node n = {0};
    const char *name = s->src->name ? s->src->name : v->shown;
    if (vos_look(v, v->path, &n, f) < 0) {
        struct fault why = *f;
        if (why.reason == REASON_NOTFOUND)
            return fault_set(f, REASON_CORRUPT, true,
                             "%s was put there, but the service has it not", v->shown);
        return why.transient
                   ? -1
                   : transfer_warn(s->t, name, f, "stored, but not verified: %s", why.text);
    }
    if (n.size < 0)
        return transfer_warn(s->t, name, f,
                             "stored, but not verified: the service gives no length");
    if (n.size != s->count)
        return fault_set(f, REASON_CORRUPT, true,
                         "%s has %" PRId64 " bytes at the service, sent were %" PRId64, v->shown,
                         n.size, s->count);
    if (md5 && n.md5 && !str_same(md5, n.md5))
        return fault_set(f, REASON_CORRUPT, true,
                         "%s has the checksum %s at the service, sent was %s", v->shown, n.md5,
                         md5);
    return 0;
}

static int put_at(struct stream *s, const char *url, bool token, const char *md5, struct fault *f)
{
    own(vos_key_fini) struct vos_key k = {0};
    own(str_fini) char *sum = md5 ? base64_of(md5) : NULL;
    own(str_fini) char *digest = sum ? str_print("Digest: md5=%s", sum) : NULL;
    char *headers[] = {"Content-Type: application/octet-stream", digest, NULL};
    if (vos_key_init(&k, url, token, f) < 0)
        return -1;
    k.access.exact = false;
    own(web_fini) struct web w = {.verb = "put",
                                  .method = "PUT",
                                  .url = url,
                                  .headers = headers,
                                  .stream = s,
                                  .access = token ? &k.access : NULL};
    int rc = web_run(&w, f);
    own(str_fini) char *shown = uri_shown(url);
    if (rc < 0 && w.said.len && w.status >= 400)
        vos_fault(w.said.bytes, "put", shown, f);
    if (rc < 0 && w.status == 412) {
        fault_set(f, REASON_CORRUPT, true, "%s: the server got other bytes than were sent", shown);
        f->again = true;
    }
    return rc;
}

static int put_somewhere(struct stream *s, struct deal *d, const char *md5, struct fault *f)
{
    for (; d->next < d->places.n; d->next++) {
        if (d->next > 0 && stream_rewind(s, f) < 0)
            return -1;
        if (put_at(s, d->places.list[d->next], d->token[d->next], md5, f) < 0) {
            if (s->failed || f->reason == REASON_STOPPED || d->next + 1 == d->places.n)
                return -1;
            continue;
        }
        if (s->ended || stream_read(s, &(char){0}, 1, f) == 0)
            return 0;
        return s->failed ? -1
                         : fault_set(f, REASON_CORRUPT, true,
                                     "%s: the server took only a part of it", s->src->shown);
    }
    return -1;
}

static int vos_put(struct stream *s, const char *url, mode_t mode, struct fault *f)
{
    own(vos_fini) struct vos v = {0};
    own(deal_fini) struct deal d = {0};
    own(str_fini) char *md5 = NULL;
    (void)mode;
    if (vos_init(&v, url, f) < 0)
        return -1;
    if (v.folder || !*v.path)
        return vos_bad(v.shown, "it is a container, expected the name of a file", f);
    if (md5_before(s, &md5, f) < 0)
        return -1;
    int rc = negotiate(&d, &v, true, s->src->size, f);
    own(str_fini) char *parent = vos_parent(v.path);
    if (rc < 0 && f->reason == REASON_NOTFOUND && parent) /* it makes no container by itself */
        rc = vos_make(&v, parent, f) < 0 ? -1 : negotiate(&d, &v, true, s->src->size, f);
    return rc < 0 || put_somewhere(s, &d, md5, f) < 0 ? -1 : verify(s, &v, md5, f);
}

static int vos_make_url(struct transfer *t, const char *url, struct fault *f)
{
    own(vos_fini) struct vos v = {0};
    (void)t;
    return vos_init(&v, url, f) < 0 ? -1 : vos_make(&v, v.path, f);
}

static enum kind vos_kind(const char *url)
{
    struct fault ignored;
    own(vos_fini) struct vos v = {0};
    own(vos_node_fini) struct vos_node n = {0};
    return vos_init(&v, url, &ignored) == 0 && vos_look(&v, v.path, &n, &ignored) == 0
               ? n.kind
               : KIND_UNKNOWN;
}

/* --- asking --- */

/* One who may look at a node need not be one who may read it: a way to it is asked for, too. */
static int vos_readable(const char *url, struct found *found, struct fault *f)
{
    own(vos_fini) struct vos v = {0};
    own(deal_fini) struct deal d = {0};
    own(vos_node_fini) struct vos_node n = {0};
    if (vos_init(&v, url, f) < 0 || look(&v, &n, f) < 0)
        return -1;
    *found = (struct found){n.kind, n.kind == KIND_FILE ? n.size : -1};
    return n.kind == KIND_FILE ? negotiate(&d, &v, false, -1, f) : 0;
}

/* To ask for a way to put it may make a node. So we look at what is there of the path. */
static int vos_writable(const char *url, enum kind type, struct fault *f)
{
    own(vos_fini) struct vos v = {0};
    own(vos_node_fini) struct vos_node n = {0};
    if (vos_init(&v, url, f) < 0)
        return -1;
    own(str_fini) char *path = str_new(v.path);
    bool there = true;
    while (vos_look(&v, path, &n, f) < 0) {
        if (f->reason != REASON_NOTFOUND || !*path)
            return -1;
        char *parent = vos_parent(path);
        free(path);
        path = parent ? parent : str_new("");
        there = false;
    }
    if (n.closed)
        return fault_set(f, REASON_DENIED, false, "cannot write %s: the service does not allow it",
                         v.shown);
    if (n.kind != KIND_DIRECTORY && (!there || type == KIND_DIRECTORY || n.kind == KIND_UNKNOWN))
        return vos_bad(v.shown, "what is there is no container", f);
    return 0;
}

const struct scheme scheme_vos = {
    .name = "vos",
    .open = vos_open,
    .list = vos_list,
    .put = vos_put,
    .make = vos_make_url,
    .create = vos_create,
    .remove = vos_remove,
    .kind = vos_kind,
    .readable = vos_readable,
    .writable = vos_writable,
};
