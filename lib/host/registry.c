#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include "host/credential.h"
#include "host/path.h"
#include "host/registry.h"
#include "host/site.h"
#include "host/spawn.h"
#include "model/load.h"
#include "model/reach.h"
#include "text/doc.h"
#include "text/write.h"

#define LOOKUP_S 20 /* to say what a name means */
#define PULL_S 1800 /* to fetch all of an image */
#define SECRET_FILE "/proc/self/fd/3"
_Static_assert(SPAWN_SECRET == 3, "SECRET_FILE is the descriptor of a secret");

/* --- may it be asked, and who is it told we are? --- */

/* "localhost:5000" without its port; the caller frees. */
static char *name_of(const char *host)
{
    return str_print("%.*s", (int)strcspn(host, ":"), host);
}

/* Not what only begins like an address: 127.example.org is anybody's. */
static bool is_loopback(const char *host)
{
    own(str_fini) char *name = name_of(host);
    struct in_addr v4;
    return str_same(name, "localhost") ||
           (inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET);
}

/* As far as can be told before: who serves the name may change its mind until it is asked. */
static bool is_private(const char *host)
{
    own(str_fini) char *name = name_of(host);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    bool private = reach_private_name(name);
    if (!private && getaddrinfo(name, NULL, &hints, &found) == 0)
        for (const struct addrinfo *a = found; a; a = a->ai_next)
    private |= reach_private(a->ai_addr);
    if (found)
        freeaddrinfo(found);
    return private;
}

/* What others want fetched from networks that only we reach, the site must have allowed
 * (decisions.md, "file: locations"). */
static int may_reach(const char *host, const char *identity, struct err *err)
{
    own(model_close) struct model model = {0};
    own(json_fini) json_t *site = NULL;
    if (account_is(identity) || !is_private(host))
        return 0;
    if (model_open(&model, NULL, err) < 0 || site_configuration(&model, &site, err) < 0)
        return -1;
    if (json_is_true(json_object_get(json_object_get(site, "policy"), "private-addresses")))
        return 0;
    return err_set(err, CODE_PERM,
                   "the registry %s is on a private network, which tasks of %s may not reach; the "
                   "site allows it with private-addresses (execdm.yaml(5))",
                   host, identity);
}

/* The host of a row, or one below it, at the same port. */
static bool is_its(const char *row, const char *host)
{
    const size_t n = strlen(row), len = strlen(host);
    return strcasecmp(row, host) == 0 ||
           (len > n && host[len - n - 1] == '.' && strcasecmp(row, host + len - n) == 0);
}

/* The caller frees. */
static char *base64(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = (const unsigned char *)text;
    const size_t n = strlen(text);
    own(buf_fini) struct buf out = {0};
    for (size_t i = 0; i < n; i += 3) {
        const unsigned second = i + 1 < n ? b[i + 1] : 0, third = i + 2 < n ? b[i + 2] : 0;
        const unsigned bits = (unsigned)b[i] << 16 | second << 8 | third;
        buf_char(&out, digits[bits >> 18]);
        buf_char(&out, digits[bits >> 12 & 63]);
        buf_char(&out, i + 1 < n ? digits[bits >> 6 & 63] : '=');
        buf_char(&out, i + 2 < n ? digits[bits & 63] : '=');
    }
    return buf_take(&out);
}

/* As containers-auth.json(5) has it. */
static int write_login(const json_t *row, const char *host, char **file, struct err *err)
{
    const char *user = json_text(row, "username"), *password = json_text(row, "password");
    if (json_text(row, "refused"))
        return err_set(err, CODE_PERM, "%s", json_text(row, "refused"));
    if (!user || strchr(user, ':'))
        return err_set(err, CODE_PERM,
                       "the credential for %s is none for a registry, expected username and "
                       "password",
                       host);
    own(str_fini) char *login = str_print("%s:%s", user, password);
    own(str_fini) char *coded = base64(login);
    own(json_fini) json_t *doc = json_pack("{s:{s:{s:s}}}", "auths", host, "auth", coded);
    *file = write_string(doc);
    return 0;
}

/* Who we are there: what the site has for it, and only of the account's own tasks what the account
 * has itself, which skopeo finds when it is given nothing (*file NULL). The caller frees. */
static int find_login(const char *host, const char *identity, char **file, struct err *err)
{
    own(str_fini) char *text = NULL;
    *file = NULL;
    if (credentials_of(identity, &text, err) < 0)
        return -1;
    own(json_fini) json_t *rows = text ? json_loads(text, 0, NULL) : NULL;
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row)
        if (is_its(json_text(row, "host"), host))
            return write_login(row, host, file, err);
    if (!account_is(identity))
        *file = str_new("{\"auths\":{}}");
    return 0;
}

/* --- what it answers --- */

enum trouble { OTHER, ABSENT, UNNAMED, CLOSED, BUSY, CORRUPT, FULL, DOWN, UNSAFE, UNTRUSTED };

/* What skopeo says, in the words of the standard's errors (OCI distribution, "Error Codes"), its
 * own and the system's; the first that is in it counts. */
static const struct {
    const char *said;
    enum trouble trouble;
} words[] = {
    {"toomanyrequests", BUSY},
    {"too many requests", BUSY},
    {"tags list: invalid status code from registry 404", UNNAMED},
    {"name unknown", UNNAMED},
    {"repository name not known", UNNAMED},
    {"blob unknown", CORRUPT},
    {"blob: invalid status code from registry 404", CORRUPT},
    {"manifest unknown", ABSENT},
    {"no image found in", ABSENT},
    {"unauthorized", CLOSED},
    {"authentication required", CLOSED},
    {"invalid username/password", CLOSED},
    {"denied", CLOSED},
    {"did not match", CORRUPT},
    {"does not match", CORRUPT},
    {"no space left", FULL},
    {"x509", UNSAFE},
    {"tls: ", UNSAFE},
    {"HTTP response to HTTPS", UNSAFE},
    {"rejected by policy", UNTRUSTED},
    {"signature", UNTRUSTED},
    {"connection refused", DOWN},
    {"no such host", DOWN},
    {"timeout", DOWN},
    {"timed out", DOWN},
    {"connection reset", DOWN},
    {"unreachable", DOWN},
    {"no route to host", DOWN},
    {"server misbehaving", DOWN},
    {"EOF", DOWN},
    {"HTTP status: 5", DOWN},
    {"StatusCode: 5", DOWN},
    {"unavailable", DOWN},
};

/* The message of a line like: time="..." level=fatal msg="..." The caller frees. */
static char *message_of(struct spawn *run)
{
    const char *line = spawn_last_error(run), *at = strstr(line, "msg=\"");
    own(buf_fini) struct buf text = {0};
    buf_str(&text, "");
    for (at = at ? at + 5 : line; *at && !(*at == '"' && !at[1]); at++) {
        at += *at == '\\' && at[1];
        buf_char(&text, *at);
    }
    return buf_take(&text);
}

static bool is_in_name(char c)
{
    return c && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", c);
}

/* Is the text in a word, and not only as a part of another name? */
static bool holds(const char *word, const char *text)
{
    const size_t n = strlen(text);
    for (const char *at = word; (at = strstr(at, text)); at++)
        if ((at == word || !is_in_name(at[-1])) && !is_in_name(at[n]))
            return true;
    return false;
}

/* What was said without the words that only name what was asked for: URLs, the host, the place of
 * the image there, its tag. An image may be called signature, a host eof.example.org. The caller
 * frees. */
static char *without_names(const char *said, const struct image *image)
{
    own(str_fini) char *host = name_of(image->host);
    const char *name = image->place + strlen(image->host) + 1, *before = "";
    own(buf_fini) struct buf rest = {0};
    own(str_fini) char *copy = str_new(said);
    char *left = NULL;
    buf_str(&rest, "");
    for (char *word = strtok_r(copy, " ", &left); word; word = strtok_r(NULL, " ", &left)) {
        const bool tag = str_same(before, "manifest") && str_begins(left, "in ");
        before = word;
        if (tag || strstr(word, "://") || holds(word, host) ||
            (strchr(name, '/') && holds(word, name)))
            continue;
        buf_str(&rest, word);
        buf_char(&rest, ' ');
    }
    return buf_take(&rest);
}

static enum trouble trouble_of(const char *said, const struct image *image)
{
    own(str_fini) char *rest = without_names(said, image);
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasestr(rest, words[i].said))
            return words[i].trouble;
    return OTHER;
}

/* In our words; in skopeo's, too, to the account's own: those may tell of networks that others do
 * not reach, as where a registry sent it on. */
static int explain(enum trouble trouble, const struct image *image, const char *identity,
                   const char *said, struct err *err)
{
    const char *host = image->host;
    own(str_fini) char *more = account_is(identity) ? str_print(": %s", said) : str_new("");
    switch (trouble) {
    case UNNAMED:
        return err_set(err, CODE_NOINPUT, "the registry %s has no image %s", host,
                       image->place + strlen(host) + 1);
    case ABSENT:
        return image->named[0] || image->digest[0]
                   ? err_set(err, CODE_NOINPUT, "%s has no digest %s", image->place,
                             image->digest[0] ? image->digest : image->named)
                   : err_set(err, CODE_NOINPUT, "%s has no tag %s", image->place,
                             image->tag ? image->tag : "latest");
    case CLOSED:
        return err_set(err, CODE_PERM,
                       "the registry %s does not give %s to us; a site has credentials in "
                       "execdm.yaml(5)%s",
                       host, image->place, more);
    case BUSY:
        return err_set(err, CODE_TEMP, "the registry %s throttles us, try again in some minutes",
                       host);
    case CORRUPT:
        return err_set(err, CODE_DATA, "%s is corrupt in its registry%s", image->place, more);
    case FULL:
        return err_set(err, CODE_IO, "there is no room for %s%s", image->place, more);
    case UNSAFE:
        return err_set(
            err, CODE_UNAVAIL,
            "the registry %s cannot be asked safely; one without TLS is for this machine "
            "alone, or as containers-registries.conf(5) says%s",
            host, more);
    case UNTRUSTED:
        return err_set(err, CODE_PERM, "%s is not trusted (containers-policy.json(5))%s",
                       image->place, more);
    case DOWN:
        return err_set(err, CODE_TEMP, "the registry %s cannot be reached%s", host, more);
    default:
        return err_set(err, CODE_UNAVAIL, "%s cannot be had%s", image->place, more);
    }
}

/* --- asking --- */

/* One run of skopeo. */
struct asking {
    const struct image *image;
    const struct image_asker *who;
    const char *verb[4]; /* and its first options */
    const char *prefix;  /* of the options about the registry */
    const char *tmp;     /* or NULL */
    const char *more;    /* behind the name of the image, or NULL */
    int deadline_s;
    bool bare;            /* the name alone, without tag and digest */
    enum trouble trouble; /* what went wrong */
};

static void add_options(const struct asking *a, const char *login, struct strs *argv)
{
    if (a->tmp) {
        strs_add(argv, "--tmpdir");
        strs_add(argv, a->tmp);
    }
    for (size_t i = 0; i < COUNT(a->verb) && a->verb[i]; i++)
        strs_add(argv, a->verb[i]);
    if (login) {
        strs_print(argv, "--%sauthfile", a->prefix);
        strs_add(argv, SECRET_FILE);
    }
    if (is_loopback(a->image->host))
        strs_print(argv, "--%stls-verify=false", a->prefix);
    else if (login) /* whatever the site says of this registry: not where others can listen */
        strs_print(argv, "--%stls-verify=true", a->prefix);
}

static void add_name(const struct asking *a, struct strs *argv)
{
    const struct image *image = a->image;
    const char *digest = image->digest[0] ? image->digest : image->named;
    if (a->bare)
        strs_print(argv, "docker://%s", image->place);
    else if (*digest)
        strs_print(argv, "docker://%s@%s", image->place, digest);
    else
        strs_print(argv, "docker://%s:%s", image->place, image->tag ? image->tag : "latest");
    if (a->more)
        strs_add(argv, a->more);
}

/* What it wrote goes to *out. */
static int ask(struct asking *a, struct buf *out, struct err *err)
{
    own(str_fini) char *skopeo = spawn_find_tool("skopeo");
    own(str_fini) char *login = NULL;
    own(strs_fini) struct strs argv = {0};
    if (may_reach(a->image->host, a->who->identity, err) < 0 ||
        find_login(a->image->host, a->who->identity, &login, err) < 0)
        return -1;
    if (!skopeo)
        return err_set(err, CODE_UNAVAIL,
                       "skopeo is not installed, which images of registries need; install the "
                       "package skopeo");
    strs_add(&argv, skopeo);
    add_options(a, login, &argv);
    add_name(a, &argv);
    own(spawn_fini) struct spawn run = {.argv = argv.list,
                                        .secret = login,
                                        .deadline_ms = (int64_t)a->deadline_s * 1000,
                                        .output_max = DOC_BYTES_MAX,
                                        .stop = a->who->stop,
                                        .context = a->who->context};
    const int rc = spawn_run(&run, err);
    if (run.timed_out)
        return err_set(err, CODE_TEMP, "the registry %s did not answer within %d s", a->image->host,
                       a->deadline_s);
    if (rc < 0)
        return -1;
    if (run.stopped)
        return err_set(err, CODE_TEMP, "asking the registry %s was stopped", a->image->host);
    if (rc > 0) {
        own(str_fini) char *said = message_of(&run);
        a->trouble = trouble_of(said, a->image);
        return explain(a->trouble, a->image, a->who->identity, said, err);
    }
    *out = run.out;
    run.out = (struct buf){0};
    return 0;
}

/* A registry says of an image that it does not have what it says of a tag. */
static int tell_absent(const struct image *image, const struct image_asker *who, struct err *err)
{
    struct asking a = {.image = image,
                       .who = who,
                       .verb = {"list-tags"},
                       .prefix = "",
                       .bare = true,
                       .deadline_s = LOOKUP_S};
    struct err why = {0};
    own(buf_fini) struct buf ignored = {0};
    if (ask(&a, &ignored, &why) < 0 && a.trouble == UNNAMED)
        *err = why;
    return -1;
}

/* The digest of what a registry calls a manifest, which is of its bytes. */
static int digest_of(const char *manifest, char digest[IMAGE_DIGEST_TEXT], struct err *err)
{
    own(str_fini) char *skopeo = spawn_find_tool("skopeo");
    char *argv[] = {skopeo, "manifest-digest", "/dev/stdin", NULL};
    own(spawn_fini) struct spawn run = {
        .argv = argv, .input = manifest, .deadline_ms = LOOKUP_S * 1000};
    const int rc = spawn_run(&run, err);
    if (rc < 0)
        return -1;
    snprintf(digest, IMAGE_DIGEST_TEXT, "%.71s", run.out.len ? run.out.bytes : "");
    if (rc > 0 || !image_digest_valid(digest))
        return err_set(err, CODE_DATA, "no digest of the manifest: %s", spawn_last_error(&run));
    return 0;
}

static int find_machine(struct image *image, const struct image_asker *who, struct err *err)
{
    own(json_fini) json_t *config = NULL;
    if (registry_config(image, who, &config, err) < 0)
        return -1;
    image->os = str_new(json_text(config, "os"));
    image->arch = str_new(json_text(config, "architecture"));
    return 0;
}

int registry_find(struct image *image, const struct image_asker *who, struct err *err)
{
    struct asking a = {.image = image,
                       .who = who,
                       .verb = {"inspect", "--raw"},
                       .prefix = "",
                       .deadline_s = LOOKUP_S};
    own(buf_fini) struct buf raw = {0};
    own(json_fini) json_t *manifest = NULL;
    char digest[IMAGE_DIGEST_TEXT];
    if (ask(&a, &raw, err) < 0)
        return a.trouble == ABSENT ? tell_absent(image, who, err) : -1;
    if (!raw.bytes || doc_bytes(image->place, raw.bytes, raw.len, &manifest, err) < 0 ||
        digest_of(raw.bytes, digest, err) < 0)
        return -1;
    if (image->named[0] && !str_same(image->named, digest))
        return err_set(err, CODE_DATA, "the registry %s answers for %s with %s", image->host,
                       image->named, digest);
    if (!json_object_get(manifest, "manifests")) {
        memcpy(image->digest, digest, sizeof(digest));
        return find_machine(image, who, err);
    }
    const json_t *chosen = image_choose(manifest, who);
    if (!chosen)
        return err_set(err, CODE_NOINPUT, "%s has nothing for %s %s", image->place,
                       who->os ? who->os : "any", who->arch ? who->arch : "machine");
    image_take(image, chosen);
    return 0;
}

int registry_config(const struct image *image, const struct image_asker *who, json_t **config,
                    struct err *err)
{
    struct asking a = {.image = image,
                       .who = who,
                       .verb = {"inspect", "--config", "--raw"},
                       .prefix = "",
                       .deadline_s = LOOKUP_S};
    own(buf_fini) struct buf raw = {0};
    if (ask(&a, &raw, err) < 0)
        return -1;
    return raw.bytes ? doc_bytes(image->place, raw.bytes, raw.len, config, err)
                     : err_set(err, CODE_DATA, "%s has no configuration", image->place);
}

int registry_pull(const struct image *image, const struct image_asker *who, const char *layout,
                  const char *tmp, struct err *err)
{
    own(str_fini) char *dest = str_print("oci:%s:" IMAGE_TAG, layout);
    struct asking a = {.image = image,
                       .who = who,
                       .verb = {"copy", "--quiet"},
                       .prefix = "src-",
                       .tmp = tmp,
                       .more = dest,
                       .deadline_s = PULL_S};
    own(buf_fini) struct buf ignored = {0};
    return ask(&a, &ignored, err);
}
