/* lib/text/buf.c: memory, strings, bytes, lists. */
#include <sys/resource.h>
#include <sys/wait.h>
#include "text/buf.h"
#include "text/err.h"
#include "tap.h"

static void test_strings(void)
{
    own(str_fini) char *copy = str_new("abc");
    is_str(copy, "abc", "str_new");
    ok(!str_new(NULL), "str_new of NULL");
    own(str_fini) char *printed = str_print("%s-%d", "a", 7);
    is_str(printed, "a-7", "str_print");
    ok(str_same("a", "a") && !str_same("a", "b"), "str_same");
    ok(str_same(NULL, NULL) && !str_same("a", NULL) && !str_same(NULL, "a"), "str_same and NULL");
    ok(str_begins("abc", "ab") && str_begins("abc", "") && !str_begins("ab", "abc"), "str_begins");
    char *given = move(copy);
    ok(!copy && given, "move takes it from its owner");
    free(given);
    own(str_fini) char *zero = mem_new(16);
    ok(memcmp(zero, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16) == 0, "mem_new is zeroed");
    free(mem_new(0));
    free(mem_grow(NULL, 0, 8));
}

static void test_buf(void)
{
    own(buf_fini) struct buf b = {0};
    buf_add(&b, "", 0);
    is_str(b.bytes, "", "never NULL once something was added");
    buf_str(&b, "ab");
    buf_char(&b, 'c');
    buf_print(&b, "%03d%s", 7, "x");
    buf_add(&b, "\0y", 2);
    is_int((int64_t)b.len, 9, "nine bytes");
    ok(memcmp(b.bytes, "abc007x\0y", 10) == 0, "in their order, a NUL behind");
    char *taken = buf_take(&b);
    ok(!b.bytes && b.len == 0 && b.room == 0, "the buf is empty again");
    free(taken);
    taken = buf_take(&b);
    is_str(taken, "", "an empty buf gives an empty string");
    free(taken);
    int wrong = 0;
    for (size_t i = 0; i < 5000; i++) { /* across every boundary */
        buf_char(&b, (char)('a' + i % 26));
        wrong += b.len != i + 1 || b.bytes[b.len] != '\0' || b.len >= b.room;
    }
    is_int(wrong, 0, "it grows");
    own(str_fini) char *wide = str_print("%08000d", 1);
    buf_print(&b, "%s", wide);
    is_int((int64_t)b.len, 13000, "buf_print as long as it takes");
    is_str(b.bytes + 5000, wide, "and in full");
}

static void test_strs(void)
{
    struct strs s = {0};
    for (int i = 0; i < 100; i++)
        strs_print(&s, "item-%d", i);
    strs_add(&s, "last");
    is_int((int64_t)s.n, 101, "101 strings");
    ok(!s.list[s.n], "ending in NULL");
    is_str(s.list[42], "item-42", "in their order");
    strs_fini(&s);
    ok(!s.list && s.n == 0, "strs_fini empties");
    strs_fini(&s);
}

/* Without memory a program ends with 71. The sizes are ones no machine has. */
static void test_no_memory(void)
{
    for (int i = 0; i < 2; i++) {
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            if (!freopen("/dev/null", "w", stderr))
                _exit(1);
            volatile size_t n = SIZE_MAX / 2;
            void *p = i ? mem_grow(NULL, n, 16) : mem_new(n);
            _exit(p ? 2 : 3);
        }
        int status = -1;
        waitpid(pid, &status, 0);
        /* AddressSanitizer ends the program itself */
        ok(WIFEXITED(status) && (WEXITSTATUS(status) == CODE_OS || WEXITSTATUS(status) == 1),
           i ? "mem_grow ends with 71" : "mem_new ends with 71");
    }
}

int main(void)
{
    test_strings();
    test_buf();
    test_strs();
    test_no_memory();
    return tap_end();
}
