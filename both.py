"""Resolve: keep ours/theirs by a list of choices."""
import re,sys
p=sys.argv[1]; choices=sys.argv[2]
s=open(p).read(); i=iter(choices)
def f(m):
    c=next(i); a,b=m.group(1),m.group(2)
    return {"a":a,"b":b,"+":a+b,"s":a.rstrip("\n")+"\n\n\n"+b}[c]
s=re.sub(r"<<<<<<< [^\n]*\n(.*?)=======\n(.*?)>>>>>>> [^\n]*\n",f,s,flags=re.S)
open(p,"w").write(s)
