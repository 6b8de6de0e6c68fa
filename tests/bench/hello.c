/* What a program behind a web server costs at least: 1 KiB of text, by CGI, or by FastCGI with
 * -DFCGI and libfcgi. */
#ifdef FCGI
#include <fcgi_stdio.h>
#else
#include <stdio.h>
#endif
#include <string.h>

static void hello(void)
{
    char text[1025];
    memset(text, 'x', 1024);
    text[1024] = '\0';
    printf("Content-Type: text/plain\r\nContent-Length: 1024\r\n\r\n%s", text);
}

int main(void)
{
#ifdef FCGI
    while (FCGI_Accept() >= 0)
#endif
        hello();
    return 0;
}
