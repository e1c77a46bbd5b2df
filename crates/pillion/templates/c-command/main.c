// A request's body comes on stdin, the answer goes to stdout. An exit code other than 0 is an answer of 500, and 65 one
// of 422.
#include <stdio.h>
#include <string.h>

int main(void) {
    char name[256];
    size_t length = fread(name, 1, sizeof name - 1, stdin);
    name[length] = '\0';
    name[strcspn(name, "\r\n")] = '\0';
    printf("hello %s\n", name[0] ? name : "world");
    return 0;
}
