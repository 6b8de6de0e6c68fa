/* Who we are at which place. What a manifest's descriptors say is for the host they name; what a
 * person's environment and files say is for the endpoint they name, and for Amazon's hosts when
 * they name none. Nobody else is shown them. */
#include "stager.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "host/credential.h"
#include "host/path.h"
#include "model/load.h"
#include "text/json.h"

#define FILE_MAX (256 * 1024)

static struct credential *given; /* by descriptor; 0: by execdm.yaml, to who runs us */
static size_t ngiven;
static int chosen;   /* the descriptor of what is moved now */
static bool foreign; /* it is not for who we are */

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* All of a descriptor, or NULL: it cannot be read, or is too large, or has a NUL. */
static char *read_all(int fd)
{
    own(buf_fini) struct buf b = {0};
    char bytes[4096];
    ssize_t n;
    buf_str(&b, "");
    while ((n = read(fd, bytes, sizeof(bytes))) > 0 && b.len <= FILE_MAX)
        buf_add(&b, bytes, (size_t)n);
    return n != 0 || strlen(b.bytes) != b.len ? NULL : buf_take(&b);
}

/* What would end a header, or a user's name, cannot be in a key. */
static bool is_word(const char *text)
{
    return !text || (*text && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789+/=_.-~!@#$%^&*(),;") == strlen(text));
}

/* In a login anything goes that is no control character. */
static bool is_plain(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return false;
    return true;
}

static bool is_whole(const struct credential *c)
{
    if (c->refused || c->login)
        return !c->key && !c->secret && !c->bearer && (c->refused || is_plain(c->login));
    if (c->bearer)
        return !c->key && !c->secret && is_word(c->bearer);
    return c->key && c->secret && is_word(c->key) && is_word(c->secret) && is_word(c->token) &&
           is_word(c->region);
}

/* --- by descriptor --- */

/* "name:password"; the name ends at the colon. NULL when it is none. */
static char *login_of(const json_t *doc)
{
    const char *user = json_text(doc, "username"), *password = json_text(doc, "password");
    return user && password && !strchr(user, ':') ? str_print("%s:%s", user, password) : NULL;
}

static int take_one(int fd, json_t *doc)
{
    struct credential c = {
        .fd = fd,
        .host = str_new(json_text(doc, "host")),
        .key = str_new(json_text(doc, "access_key_id")),
        .secret = str_new(json_text(doc, "secret_access_key")),
        .token = str_new(json_text(doc, "session_token")),
        .region = str_new(json_text(doc, "region")),
        .bearer = str_new(json_text(doc, "bearer_token")),
        .login = login_of(doc),
        .refused = str_new(json_text(doc, "refused")),
        .doc = json_incref(doc),
    };
    given = mem_grow(given, ngiven + 1, sizeof(*given));
    given[ngiven++] = c;
    return c.host && *c.host && is_whole(&c) ? 0 : -1;
}

static int take_text(int fd, const char *text)
{
    own(json_fini) json_t *doc = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    size_t i;
    json_t *one;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* no core file has it */
    if (!json_is_array(doc))
        return take_one(fd, doc);
    json_array_foreach (doc, i, one)
        if (take_one(fd, one) < 0)
            return -1;
    return 0;
}

int credential_take(int fd)
{
    for (size_t i = 0; i < ngiven; i++)
        if (given[i].fd == fd)
            return 0;
    own(str_fini) char *text = read_all(fd);
    return take_text(fd, text);
}

int credential_configured(struct err *err)
{
    own(str_fini) char *name = account_name();
    own(str_fini) char *text = NULL;
    if (credentials_of(name, &text, err) < 0)
        return -1;
    return !text || take_text(0, text) == 0
               ? 0
               : err_set(err, CODE_CONFIG, "a credential has a character that none can have");
}

/* --- of a person --- */

static char *trimmed(const char *text, size_t n)
{
    while (n > 0 && strchr(" \t\r", *text))
        text++, n--;
    while (n > 0 && strchr(" \t\r", text[n - 1]))
        n--;
    return str_print("%.*s", (int)n, text);
}

/* One `key = value` of the profile. What is not known is for others; what is, is taken once. */
static void take_setting(struct credential *c, const char *line, size_t n)
{
    const struct {
        const char *name;
        char **place;
    } settings[] = {
        {"aws_access_key_id", &c->key},   {"aws_secret_access_key", &c->secret},
        {"aws_session_token", &c->token}, {"region", &c->region},
        {"endpoint_url", &c->endpoint},
    };
    const char *equals = memchr(line, '=', n);
    if (!equals || strchr(" \t#;", *line)) /* an indented line is of a setting with parts */
        return;
    own(str_fini) char *name = trimmed(line, (size_t)(equals - line));
    for (size_t i = 0; i < COUNT(settings); i++)
        if (str_same(name, settings[i].name) && !*settings[i].place)
            *settings[i].place = trimmed(equals + 1, n - (size_t)(equals + 1 - line));
}

/* [NAME] of the credentials file, [profile NAME] of the other. True when the profile is there. */
static bool read_profile(struct credential *c, const char *path, const char *profile)
{
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    own(str_fini) char *text = fd < 0 ? NULL : read_all(fd);
    own(str_fini) char *plain = str_print("[%s]", profile);
    own(str_fini) char *other = str_print("[profile %s]", profile);
    bool inside = false, found = false;
    for (const char *line = text; line && *line;) {
        size_t n = strcspn(line, "\n");
        if (*line == '[') {
            own(str_fini) char *head = trimmed(line, n);
            inside = str_same(head, plain) || str_same(head, other);
            found = found || inside;
        } else if (inside) {
            take_setting(c, line, n);
        }
        line += n + (line[n] == '\n');
    }
    return found;
}

static char *file_of(const char *variable, const char *name)
{
    const char *home = env("HOME"), *path = env(variable);
    return path ? str_new(path) : home ? str_print("%s/.aws/%s", home, name) : NULL;
}

static void replace(char **place, const char *value)
{
    if (!value)
        return;
    free(*place);
    *place = str_new(value);
}

static int read_person(struct credential *c, struct fault *f)
{
    const char *named = env("AWS_PROFILE"), *profile = named ? named : "default";
    own(str_fini) char *keys = file_of("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    own(str_fini) char *config = file_of("AWS_CONFIG_FILE", "config");
    bool a = read_profile(c, keys, profile), b = read_profile(c, config, profile);
    if (named && !a && !b)
        return fault_set(f, REASON_DENIED, false,
                         "AWS_PROFILE is \"%s\", but %s has no [%s]; name one that it has", named,
                         keys ? keys : "~/.aws/credentials", named);
    if (env("AWS_ACCESS_KEY_ID") || env("AWS_SECRET_ACCESS_KEY")) {
        str_fini(&c->key);
        str_fini(&c->secret);
        str_fini(&c->token);
        replace(&c->key, env("AWS_ACCESS_KEY_ID"));
        replace(&c->secret, env("AWS_SECRET_ACCESS_KEY"));
        replace(&c->token, env("AWS_SESSION_TOKEN"));
    }
    replace(&c->region, env("AWS_DEFAULT_REGION"));
    replace(&c->region, env("AWS_REGION"));
    replace(&c->endpoint, env("AWS_ENDPOINT_URL"));
    replace(&c->endpoint, env("AWS_ENDPOINT_URL_S3"));
    if (!c->key != !c->secret || (c->key && !is_whole(c)))
        return fault_set(f, REASON_DENIED, false,
                         "half of an S3 credential: expected AWS_ACCESS_KEY_ID and "
                         "AWS_SECRET_ACCESS_KEY, or both in a profile, each a word");
    if (!is_word(c->region))
        return fault_set(f, REASON_INVALID, false, "AWS_REGION is no region, expected one word");
    return 0;
}

/* Where services are is for everybody, the keys are not. */
const struct credential *credential_person(struct fault *f)
{
    static struct credential person, keyless;
    static bool known;
    if (!known && read_person(&person, f) < 0)
        return NULL;
    known = true;
    keyless = (struct credential){.region = person.region, .endpoint = person.endpoint};
    return foreign ? &keyless : &person;
}

/* --- for whom --- */

/* A service's hosts: the one that was named and those below it, at the same port. */
bool credential_covers(const char *host, const char *asked)
{
    size_t n = strlen(host), m = strlen(asked);
    return m >= n && strcasecmp(asked + m - n, host) == 0 && (m == n || asked[m - n - 1] == '.');
}

void credential_choose(const struct item *item)
{
    chosen = item->credential;
    foreign = item->foreign;
}

/* The first for a host that is wanted. One that is refused is never passed over: who asks as
 * nobody, where somebody was meant, gets another's answer. */
static int find(const char *host, bool (*wanted)(const struct credential *c),
                const struct credential **found, struct fault *f)
{
    *found = NULL;
    for (size_t i = 0; i < ngiven; i++) {
        const struct credential *c = &given[i];
        if (c->fd != chosen || !credential_covers(c->host, host))
            continue;
        if (c->refused)
            return fault_set(f, REASON_DENIED, false, "%s", c->refused);
        if (!*found && wanted(c))
            *found = c;
    }
    return 0;
}

static bool has_key(const struct credential *c)
{
    return c->key != NULL;
}

static bool has_bearer(const struct credential *c)
{
    return c->bearer != NULL;
}

static bool has_login(const struct credential *c)
{
    return c->login != NULL;
}

static bool has_any(const struct credential *c)
{
    (void)c;
    return true;
}

int credential_given(const char *host, const struct credential **c, struct fault *f)
{
    return find(host, has_key, c, f);
}

int credential_text(const char *host, char **text, struct fault *f)
{
    const struct credential *c;
    *text = NULL;
    if (find(host, has_any, &c, f) < 0)
        return -1;
    if (!c && foreign)
        return fault_set(f, REASON_DENIED, false,
                         "there is no credential for %s that this task may use; see credentials in "
                         "execdm.yaml(5)",
                         *host ? host : "it");
    *text = c ? json_dumps(c->doc, JSON_COMPACT) : NULL;
    return 0;
}

/* --- tokens: a manifest's, or a person's file with lines of HOST and TOKEN --- */

static int read_tokens(struct strs *lines, struct fault *f)
{
    struct stat st;
    own(str_fini) char *dir = config_dir();
    own(str_fini) char *path = dir ? str_print("%s/tokens", dir) : NULL;
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return path && errno != ENOENT ? fault_sys(f, "cannot read %s", path) : 0;
    if (fstat(fd, &st) < 0 || (st.st_mode & 077) || st.st_uid != geteuid())
        return fault_set(f, REASON_DENIED, false,
                         "%s holds tokens, expected a file of yours that nobody else may read; "
                         "chmod 600 it",
                         path);
    own(str_fini) char *text = read_all(fd);
    for (char *next, *line = text; line && *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        size_t host = strcspn(line, " \t"), gap = strspn(line + host, " \t");
        line[host + gap + strcspn(line + host + gap, " \t\r")] = '\0';
        if (!*line || *line == '#')
            continue;
        if (gap == 0 || host == 0 || !is_word(line + host + gap))
            return fault_set(f, REASON_DENIED, false,
                             "%s: expected lines of a host and a token, or # and a comment", path);
        line[host] = '\0';
        strs_add(lines, line);
        strs_add(lines, line + host + gap);
    }
    return 0;
}

/* The host of a URL, with its port, where nobody can read along; else NULL. The caller frees. */
static char *secret_host(const char *url)
{
    const char *at = strstr(url, "://");
    if (!at || !url_is_secret(url))
        return NULL;
    const char *host = at + 3, *user;
    size_t n = strcspn(host, "/?#");
    if ((user = memrchr(host, '@', n)))
        n -= (size_t)(user + 1 - host), host = user + 1;
    return str_print("%.*s", (int)n, host);
}

/* Of what a person wrote: the token for a host, or NULL. */
static int person_token(const char *host, const char **token, struct fault *f)
{
    static struct strs tokens;
    static bool known;
    if (foreign)
        return 0;
    if (!known && read_tokens(&tokens, f) < 0) {
        strs_fini(&tokens);
        return -1;
    }
    known = true;
    for (size_t i = 0; i + 1 < tokens.n && !*token; i += 2)
        if (credential_covers(tokens.list[i], host))
            *token = tokens.list[i + 1];
    return 0;
}

int credential_bearer(const char *url, const char **token, struct fault *f)
{
    const struct credential *c = NULL;
    own(str_fini) char *host = secret_host(url);
    *token = NULL;
    if (host && find(host, has_bearer, &c, f) < 0)
        return -1;
    if (c)
        *token = c->bearer;
    return c || !host ? 0 : person_token(host, token, f);
}

int credential_web(const char *url, const char **login, const char **token, struct fault *f)
{
    const struct credential *c = NULL;
    own(str_fini) char *host = secret_host(url);
    *login = NULL;
    if (host && find(host, has_login, &c, f) < 0)
        return -1;
    if (c)
        *login = c->login;
    return c ? 0 : credential_bearer(url, token, f);
}
