#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include "host/credential.h"
#include "host/path.h"
#include "host/site.h"
#include "model/load.h"
#include "text/doc.h"
#include "text/json.h"
#include "text/write.h"

#define EXPECTED                                                                                   \
    "access_key_id and secret_access_key, or bearer_token, or username and password, in YAML or "  \
    "JSON"

char *account_name(void)
{
    const struct passwd *pw = getpwuid(geteuid());
    return pw ? str_new(pw->pw_name) : str_print("%ld", (long)geteuid());
}

bool account_is(const char *identity)
{
    own(str_fini) char *name = account_name();
    return str_same(identity, name);
}

/* Whose tasks is it for? Of a list only those, else the account's own (decisions.md: file:). */
static bool is_for(const json_t *row, const char *identity)
{
    const json_t *identities = json_object_get(row, "identities");
    size_t i;
    json_t *name;
    if (!identities)
        return account_is(identity);
    json_array_foreach (identities, i, name)
        if (str_same(json_string_value(name), identity))
            return true;
    return false;
}

static json_t *refused(const char *host, const char *path, const char *why)
{
    own(str_fini) char *text =
        str_print("the credential for %s is not used: %s %s", host, path, why);
    return json_pack("{s:s,s:s}", "host", host, "refused", text);
}

/* Why a file is no place for a secret, and what to do; NULL when it is one. The caller frees. */
static char *exposed(const char *path)
{
    struct stat st;
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return str_print("cannot be read: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return str_new("is no file");
    own(str_fini) char *account = account_name();
    if (st.st_uid != geteuid())
        return str_print("is not a file of %s; chown it to %s, chmod 600 it", account, account);
    if (st.st_mode & 077)
        return str_print("is readable or writable by others than %s (mode %04o); chmod 600 it",
                         account, (unsigned)st.st_mode & 07777);
    return NULL;
}

/* The pairs that belong together; the third column may stand beside them. */
static const char *const kinds[][4] = {
    {"access_key_id", "secret_access_key", "session_token", "region"},
    {"bearer_token", NULL, NULL, NULL},
    {"username", "password", NULL, NULL},
};

/* Does it have what one kind has, in strings, and nothing else? */
static bool is_whole(const json_t *doc)
{
    for (size_t k = 0; k < COUNT(kinds); k++) {
        size_t known = 0, needed = k == 1 ? 1 : 2, have = 0;
        for (size_t i = 0; i < 4 && kinds[k][i]; i++) {
            bool there = json_text(doc, kinds[k][i]) != NULL;
            known += there;
            have += there && i < needed;
        }
        if (have == needed && known == json_object_size(doc))
            return true;
    }
    return false;
}

/* What a file says is never quoted, not even where it is wrong. */
static json_t *read_file(const char *host, const char *path)
{
    own(json_fini) json_t *doc = NULL;
    own(str_fini) char *why = exposed(path);
    struct err ignored = {0};
    if (why)
        return refused(host, path, why);
    if (doc_file(path, &doc, &ignored) < 0 || !is_whole(doc))
        return refused(host, path, "has not what is expected: " EXPECTED);
    json_object_set_new(doc, "host", json_string(host));
    return move(doc);
}

static json_t *read_rows(const json_t *rows, const char *dir, const char *identity)
{
    json_t *list = json_array(), *row;
    size_t i;
    json_array_foreach (rows, i, row) {
        const char *file = json_text(row, "file");
        own(str_fini) char *path = *file == '/' ? str_new(file) : str_print("%s/%s", dir, file);
        if (is_for(row, identity))
            json_array_append_new(list, read_file(json_text(row, "host"), path));
    }
    return list;
}

int credentials_of(const char *identity, char **text, struct err *err)
{
    own(model_close) struct model model = {0};
    own(json_fini) json_t *doc = NULL;
    own(buf_fini) struct buf out = {0};
    own(str_fini) char *dir = config_dir();
    own(str_fini) char *path = dir ? site_file(dir, "execdm") : NULL;
    *text = NULL;
    if (!path)
        return 0;
    if (model_open(&model, NULL, err) < 0 ||
        site_document(&model, KIND_CONFIGURATION, path, &doc, err) < 0)
        return -1;
    own(json_fini) json_t *list = read_rows(json_object_get(doc, "credentials"), dir, identity);
    if (json_array_size(list) == 0)
        return 0;
    write_json(&out, list, 0);
    *text = buf_take(&out);
    return 0;
}
