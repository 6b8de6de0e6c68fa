/* Which places are the same, or in one another, however they are written (storage.h). */
#include <stdlib.h>
#include "host/path.h"
#include "store/storage.h"
#include "tap.h"

static char dir[] = "/tmp/execdm-storage.XXXXXX";

/* Notes both, and takes it back. The code of the second, or of the first. */
static enum code noted(struct store *s, const char *first, const char *second)
{
    struct err err = {0};
    struct storage_row a = {.job = "a", .name = "a", .url = (char *)first, .keep = "PT0S"};
    struct storage_row b = {.job = "b", .name = "b", .url = (char *)second, .keep = "PT0S"};
    if (store_begin(s, false, &err) < 0)
        return err.code;
    if (storage_note(s, &a, &err) == 0)
        storage_note(s, &b, &err);
    store_rollback(s);
    return err.code;
}

static void test_keys(struct store *s)
{
    static const struct {
        const char *first, *second;
        bool same;
    } rows[] = {
        {"http://host/a", "http://host/a/", true},
        {"http://host/a", "http://host/ab", false},
        {"http://host/a", "http://host/a/b", true},
        {"http://host/a/b", "http://host/a", true},
        {"http://HOST/a", "http://host:80/a", true},
        {"http://host:/a", "http://host/a", true},
        {"https://host:443/a", "HTTPS://host/a", true},
        {"https://host:80/a", "https://host/a", false},
        {"http://host:8080/a", "http://host/a", false},
        {"http://[::1]:80/a", "http://[::1]/a", true},
        {"http://[::1]/a", "http://[::80]/a", false},
        {"http://ada@host/a", "http://bob@host/a", true},
        {"http://host/%61/./b", "http://host//a", true},
        {"http://host/a", "http://host/A", false},
        {"s3://bucket/k", "s3://bucket", true},
        {"s3://bucket/k", "s3://bucket2/k", false},
        {"vos:///a?x", "vos:///a?y", false},
        {"vos:///a?x", "vos:///a/b?x", true},
        {"http://host/a/../b", "http://host/c", true}, /* refused */
        {"http://host/a/%2e%2E/b", "http://host/c", true},
        {"file:///nowhere/./a%20b", "file://localhost/nowhere/a b/c", true},
        {"file:///nowhere/../a", "file:///c", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        own(str_fini) char *name = str_print("%s %s", rows[i].first, rows[i].second);
        ok((noted(s, rows[i].first, rows[i].second) == CODE_CONFLICT) == rows[i].same, name);
    }
}

static void test_links(struct store *s)
{
    own(str_fini) char *real = str_print("%s/real", dir), *link = str_print("%s/link", dir);
    own(str_fini) char *first = str_print("file://%s/new/a", real);
    own(str_fini) char *second = str_print("file://%s/new", link);
    ok(mkdir(real, 0700) == 0 && symlink("real", link) == 0, "a link to a directory");
    ok(noted(s, first, second) == CODE_CONFLICT, "leads to the same place");
}

int main(void)
{
    struct err err = {0};
    own(store_close) struct store s = {.lock = -1};
    ok(mkdtemp(dir) && setenv("EXECDM_STATE", dir, 1) == 0 && store_open(&s, &err) == 0, "a store");
    test_keys(&s);
    test_links(&s);
    ok(path_remove(dir, &err) == 0, "and it is gone");
    return tap_end();
}
