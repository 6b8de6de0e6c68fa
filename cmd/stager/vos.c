/* VOSpace 2.1: where a URL leads (by its endpoint, or by the file resource-caps), what the service
 * there can do (VOSI capabilities), and its words for what went wrong. */
#include "vos.h"
#include <fcntl.h>
#include "host/path.h"
#include "model/load.h"
#include "text/uri.h"

#define CAPS_MAX (4 * 1024 * 1024)
#define STD "ivo://ivoa.net/std/VOSpace/v2.0#"

/* --- faults (VOSpace 2.1, 5.6, and words that services have besides) --- */

static const struct {
    const char *word;
    enum reason reason;
    bool transient;
    const char *meaning;
} words[] = {
    {"ContainerNotFound", REASON_NOTFOUND, false, "has no such container"},
    {"DuplicateNode", REASON_INVALID, false, "has another node of this name"},
    {"InternalFault", REASON_UNREACHABLE, true, "is in trouble"},
    {"InvalidArgument", REASON_INVALID, false, "does not understand what is asked"},
    {"InvalidData", REASON_CORRUPT, true, "says that what came is damaged"},
    {"InvalidToken", REASON_DENIED, false, "does not know the token"},
    {"InvalidURI", REASON_INVALID, false, "takes no such name"},
    {"LinkFound", REASON_UNSUPPORTED, false, "has a link in the path; name where it leads"},
    {"LinkFoundFault", REASON_UNSUPPORTED, false, "has a link in the path; name where it leads"},
    {"NodeBusy", REASON_UNREACHABLE, true, "is at work on it"},
    {"NodeLocked", REASON_DENIED, true, "has it locked"},
    {"NodeNotFound", REASON_NOTFOUND, false, "has no such node"},
    {"NotAuthenticated", REASON_DENIED, false, "asks for a login"},
    {"OperationNotSupported", REASON_UNSUPPORTED, false, "does not do this"},
    {"OptionNotSupported", REASON_UNSUPPORTED, false, "does not do this in this way"},
    {"PermissionDenied", REASON_DENIED, false, "does not allow it"},
    {"ProtocolNotSupported", REASON_UNSUPPORTED, false, "gives and takes no files over http"},
    {"QuotaExceeded", REASON_NOROOM, false, "has no room left for this user"},
    {"ServiceBusy", REASON_UNREACHABLE, true, "is too busy"},
    {"TransferFailed", REASON_UNREACHABLE, true, "could not move it"},
    {"TypeNotSupported", REASON_UNSUPPORTED, false, "has no nodes of this type"},
    {"UnreadableNode", REASON_CORRUPT, false, "cannot read it itself"},
    {"ViewNotSupported", REASON_UNSUPPORTED, false, "does not give it in this form"},
};

/* Alone, before an explanation, or inside a document. */
bool vos_fault(const char *text, const char *verb, const char *shown, struct fault *f)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    while (text && *(text += strcspn(text, letters))) {
        size_t n = strspn(text, letters);
        for (size_t i = 0; i < COUNT(words); i++)
            if (strlen(words[i].word) == n && strncmp(text, words[i].word, n) == 0) {
                long pause = f->pause;
                fault_set(f, words[i].reason, words[i].transient,
                          "cannot %s %s: the service %s (%s)", verb, shown, words[i].meaning,
                          words[i].word);
                f->pause = pause;
                return true;
            }
        text += n;
    }
    return false;
}

int vos_bad(const char *shown, const char *what, struct fault *f)
{
    return fault_set(f, REASON_INVALID, false, "%s: %s", shown, what);
}

static void explain(const struct web *w, struct fault *f)
{
    own(str_fini) char *shown = uri_shown(w->url);
    if (w->status >= 400 && w->said.len)
        vos_fault(w->said.bytes, w->verb, shown, f);
    if (f->reason != REASON_DENIED || w->access->headers)
        return;
    size_t n = strlen(f->text);
    snprintf(f->text + n, sizeof(f->text) - n, "; no token was sent, as %s",
             url_is_secret(w->url) ? "none is known for this host" : "none is sent over http:");
}

/* --- one request --- */

void vos_key_fini(struct vos_key *k)
{
    str_fini(&k->line);
}

int vos_key_init(struct vos_key *k, const char *url, bool token, struct fault *f)
{
    const char *bearer = NULL;
    *k = (struct vos_key){.access = {.exact = true, .explain = explain}};
    if (token && credential_bearer(url, &bearer, f) < 0)
        return -1;
    if (!bearer)
        return 0;
    k->headers[0] = k->line = str_print("Authorization: Bearer %s", bearer);
    k->access.headers = k->headers;
    return 0;
}

int vos_run(struct web *w, bool token, struct fault *f)
{
    own(vos_key_fini) struct vos_key k = {0};
    if (vos_key_init(&k, w->url, token, f) < 0)
        return -1;
    w->access = &k.access;
    int rc = web_run(w, f);
    w->access = NULL;
    return rc;
}

int vos_parse(const char *bytes, size_t n, struct xml *x, const char *shown, struct fault *f)
{
    if (!x)
        return fault_set(f, REASON_MISSING, false,
                         "execdm-stage was built without libxml2 and cannot reach %s", shown);
    if (xml_add(x, bytes, n) == 0 && xml_end(x) == 0)
        return 0;
    return fault_set(f, REASON_CORRUPT, true, "%s: the answer is no whole XML document", shown);
}

void vos_escape(struct buf *b, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            buf_str(b, entity);
        else
            buf_char(b, *text);
    }
}

/* --- capabilities --- */

struct reading {
    struct xml *xml;
    struct vos_service *s;
    struct vos_place *place; /* of the capability we are in, or NULL */
    struct fault *f;
    bool failed;
    char *url; /* of the interface we are in */
    bool open, token;
    char *other; /* a method that we do not know */
};

static struct vos_place *place_for(struct vos_service *s, const char *standard)
{
    const struct {
        const char *id;
        struct vos_place *place;
    } rows[] = {
        {STD "nodes", &s->nodes},
        {STD "sync-2.1", &s->sync},
        {STD "transfers", &s->transfers},
    };
    for (size_t i = 0; standard && i < COUNT(rows); i++)
        if (strcasecmp(rows[i].id, standard) == 0)
            return rows[i].place;
    return NULL;
}

static void add_method(struct reading *r)
{
    own(str_fini) char *id = xml_attribute(r->xml, "standardID");
    const char *name = id ? strrchr(id, '#') : NULL;
    if (!id || str_same(name, "#anon")) {
        r->open = true;
    } else if (str_same(name, "#token") || str_same(name, "#OAuth") ||
               str_same(name, "#BearerToken")) {
        r->token = true;
    } else {
        free(r->other);
        r->other = move(id);
    }
}

static void on_start(void *self, const char *name)
{
    struct reading *r = self;
    if (str_same(name, "capability")) {
        own(str_fini) char *id = xml_attribute(r->xml, "standardID");
        r->place = place_for(r->s, id);
    } else if (str_same(name, "interface")) {
        str_fini(&r->url);
        str_fini(&r->other);
        r->open = r->token = false;
    } else if (str_same(name, "securityMethod")) {
        add_method(r);
    }
}

/* The first that a token of ours fits, else the first that asks for nothing. */
static void take_interface(struct reading *r)
{
    const char *bearer = NULL;
    struct vos_place *p = r->place;
    if (!p || !r->url || p->token || r->failed)
        return;
    if (r->token && credential_bearer(r->url, &bearer, r->f) < 0)
        r->failed = true;
    bool open = r->open || (!r->token && !r->other);
    if (!bearer && ((p->url && !p->wants) || (!open && p->url)))
        return;
    free(p->url);
    str_fini(&p->wants);
    p->url = move(r->url);
    p->token = bearer != NULL;
    if (!bearer && !open)
        p->wants = r->other ? move(r->other) : str_new(VOS_TOKEN);
}

static void on_end(void *self, const char *name, const char *text)
{
    struct reading *r = self;
    if (str_same(name, "accessURL")) {
        own(str_fini) char *url = str_new(text + strspn(text, " \t\r\n"));
        size_t n = strcspn(url, " \t\r\n");
        while (n > 0 && url[n - 1] == '/')
            n--;
        url[n] = '\0';
        free(r->url);
        r->url = strncasecmp(url, "http", 4) == 0 ? move(url) : NULL;
    } else if (str_same(name, "interface")) {
        take_interface(r);
    } else if (str_same(name, "capability")) {
        r->place = NULL;
    }
}

static int usable(const struct vos_place *p, const char *what, const char *shown, struct fault *f)
{
    if (!p->url)
        return fault_set(f, REASON_UNSUPPORTED, false,
                         "%s: the service does not say where its %s are; it is no VOSpace 2.1",
                         shown, what);
    if (p->wants && strstr(p->wants, "#token"))
        return fault_set(f, REASON_DENIED, false,
                         "%s: the service asks for a token, and none is known for the host of %s",
                         shown, p->url);
    if (p->wants)
        return fault_set(f, REASON_DENIED, false,
                         "%s: the service asks for %s, expected a token or nothing", shown,
                         p->wants);
    return 0;
}

static int read_capabilities(struct vos_service *s, const char *url, const char *shown,
                             struct fault *f)
{
    own(web_fini) struct web w = {.verb = "ask", .method = "GET", .url = url};
    if (web_run(&w, f) < 0)
        return -1;
    struct reading r = {.s = s, .f = f};
    r.xml = xml_new(on_start, on_end, &r);
    int rc = vos_parse(w.said.bytes ? w.said.bytes : "", w.said.len, r.xml, url, f);
    xml_free(r.xml);
    str_fini(&r.url);
    str_fini(&r.other);
    if (rc < 0 || r.failed)
        return -1;
    return usable(&s->nodes, "nodes", shown, f) < 0 ||
                   usable(&s->sync, "synchronous transfers (#sync-2.1)", shown, f) < 0
               ? -1
               : 0;
}

/* --- where --- */

/* "ivo://AUTHORITY/NAME = URL" of resource-caps; NULL with f set. */
static char *look_up(const char *id, const char *shown, struct fault *f)
{
    const char *named = getenv("EXECDM_RESOURCE_CAPS");
    own(str_fini) char *dir = config_dir();
    own(str_fini) char *path = named && *named ? str_new(named)
                               : dir           ? str_print("%s/resource-caps", dir)
                                               : NULL;
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    own(buf_fini) struct buf b = {0};
    char bytes[4096];
    ssize_t n;
    while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0 && b.len <= CAPS_MAX)
        buf_add(&b, bytes, (size_t)n);
    size_t m = strlen(id);
    for (const char *line = b.bytes; line && *line; line += strcspn(line, "\n"), line += !!*line) {
        const char *at = line + strspn(line, " \t");
        if (strncasecmp(at, id, m) != 0)
            continue;
        at += m + strspn(at + m, " \t");
        if (*at != '=')
            continue;
        at += 1 + strspn(at + 1, " \t");
        return str_print("%.*s", (int)strcspn(at, " \t\r\n"), at);
    }
    fault_set(f, REASON_UNREACHABLE, false,
              "%s: nothing says where the service %s is; expected its endpoint, or a line \"%s = "
              "URL of its capabilities\" in %s",
              shown, id, id, path ? path : "~/.config/execdm/resource-caps");
    return NULL;
}

static char *capabilities_url(const char *id, const char *endpoint, const char *shown,
                              struct fault *f)
{
    static const char *const ends[] = {"/", "/capabilities", "/nodes"};
    if (!endpoint) {
        own(str_fini) char *ivo = str_new(id);
        for (char *c = ivo; *c; c++)
            *c = *c == '!' || *c == '~' ? '/' : *c;
        own(str_fini) char *whole = str_print("ivo%s", ivo + strlen("vos"));
        return look_up(whole, shown, f);
    }
    own(str_fini) char *base = str_new(endpoint);
    for (size_t i = 0, n; i < COUNT(ends); i++)
        while ((n = strlen(base)) > strlen(ends[i]) &&
               str_same(base + n - strlen(ends[i]), ends[i]))
            base[n - strlen(ends[i])] = '\0';
    if (strncasecmp(base, "http://", 7) == 0 || strncasecmp(base, "https://", 8) == 0)
        return str_print("%s/capabilities", base);
    vos_bad(shown, "expected the URL of a VOSpace service as its endpoint", f);
    return NULL;
}

static struct vos_service *service_of(const char *id, const char *endpoint, const char *shown,
                                      struct fault *f)
{
    static struct vos_service **known;
    static size_t n;
    own(str_fini) char *key = str_print("%s %s", id ? id : "", endpoint ? endpoint : "");
    for (size_t i = 0; i < n; i++)
        if (str_same(known[i]->key, key))
            return known[i];
    own(str_fini) char *url = capabilities_url(id, endpoint, shown, f);
    struct vos_service s = {0};
    if (!url || read_capabilities(&s, url, shown, f) < 0) {
        struct vos_place *places[] = {&s.nodes, &s.sync, &s.transfers};
        for (size_t i = 0; i < COUNT(places); i++)
            free(places[i]->url), free(places[i]->wants);
        return NULL;
    }
    s.key = move(key);
    s.id = str_new(id);
    known = mem_grow(known, n + 1, sizeof(struct vos_service *));
    known[n] = mem_new(sizeof(s));
    *known[n] = s;
    return known[n++];
}

static bool is_path(const char *path)
{
    own(str_fini) char *plain = uri_decode(path);
    for (const char *at = plain; at && *at; at += strcspn(at + 1, "/") + 1) {
        size_t n = strcspn(at + 1, "/");
        if (n == 0 || (n <= 2 && strspn(at + 1, ".") >= n))
            return false;
    }
    return plain && !strpbrk(path, " \"<>\\^`{|}");
}

int vos_init(struct vos *v, const char *url, struct fault *f)
{
    const char *rest = strchr(url, ':') + 1;
    rest += str_begins(rest, "//") ? 2 : 0;
    size_t n = strcspn(rest, "/?#"), end = strcspn(rest, "?#");
    own(str_fini) char *authority = str_print("%.*s", (int)n, rest);
    own(str_fini) char *endpoint = NULL;
    *v = (struct vos){.shown = url_bare(url)};
    if (str_begins(rest + end, "?endpoint=") && !strpbrk(rest + end + 1, "&#"))
        endpoint = uri_decode(rest + end + strlen("?endpoint="));
    else if (rest[end])
        return vos_bad(v->shown,
                       "after the path only ?endpoint=URL may follow; in a name write ? as %3F "
                       "and # as %23",
                       f);
    if (*authority ? !strpbrk(authority, "!~") || strpbrk(authority, "<>&\"@ ") : !endpoint)
        return vos_bad(v->shown, "expected vos://AUTHORITY!NAME/PATH or vos://AUTHORITY~NAME/PATH",
                       f);
    v->folder = end > n && rest[end - 1] == '/';
    while (end > n && rest[end - 1] == '/')
        end--;
    v->path = str_print("%.*s", (int)(end - n), rest + n);
    if (!is_path(v->path))
        return vos_bad(v->shown, "expected a path of names, percent-encoded, without . and ..", f);
    own(str_fini) char *id = *authority ? str_print("vos://%s", authority) : NULL;
    v->service = service_of(id, endpoint, v->shown, f);
    return v->service ? 0 : -1;
}

void vos_fini(struct vos *v)
{
    free(v->path), free(v->shown);
    *v = (struct vos){0};
}

char *vos_target(const struct vos *v, const char *path)
{
    return str_print("%s%s", v->service->id, path);
}
