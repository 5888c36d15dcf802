kubectl create deployment shop --image=nginx
kubectl expose deployment shop --port=80
kubectl patch service shop -p '{"spec":{"selector":{"app":"old-shop"}}}'
